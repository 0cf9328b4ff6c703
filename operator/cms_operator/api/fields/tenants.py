"""Tenants that are there from the start, and what each may have."""

from typing import Annotated

from pydantic import Field

from cms_operator.api.model import Model
from cms_operator.api.rules import ListMap, matches
from cms_operator.api.types import DnsLabel

# White space, which the API server's \s and Python's take for different characters, and others
# that nobody sees: they come with what is pasted.
_UNSEEN = r"\x00-\x20\x7f-\xa0" + "\u1680\u2000-\u206f\u3000"
_PART = rf"[^@.{_UNSEEN}]+"
EmailAddress = Annotated[
    str,
    Field(min_length=3, max_length=254),
    matches(
        rf"^[^@{_UNSEEN}]+@{_PART}(\.{_PART})+$",
        "must be an e-mail address, such as owner@example.com",
    ),
]


class Tenant(Model):
    name: DnsLabel
    """Name of the tenant in URLs: lower-case letters, digits and dashes."""

    display_name: Annotated[str, Field(max_length=200)] = ""
    """Name for people (default: empty, the name is shown)."""

    owner_email: EmailAddress
    """E-mail address of the first owner, whose password the operator writes to the Secret
    <name>-admin. Changes nothing once the tenant is made."""


Most = Annotated[int, Field(ge=0, le=10**15)]


class TenantLimits(Model):
    """What a tenant may have, named as `cms tenants limits` names it."""

    content_types: Most | None = None
    """Most content types. What is absent, here and below, is as in the release."""

    entries: Most | None = None
    """Most entries."""

    users: Most | None = None
    """Most users."""

    roles: Most | None = None
    """Most roles of its own."""

    api_keys: Most | None = None
    """Most API keys."""

    hosts: Most | None = None
    """Most host names."""

    bytes: Most | None = None
    """Most bytes of entries' fields: drafts, published ones, versions and the bin."""


Tenants = Annotated[tuple[Tenant, ...], Field(max_length=50), ListMap("name")]
