"""Tenants that are there from the start."""

from typing import Annotated

from pydantic import Field

from cms_operator.api.model import Model
from cms_operator.api.rules import ListMap, matches
from cms_operator.api.types import DnsLabel

EmailAddress = Annotated[
    str,
    Field(min_length=3, max_length=254),
    matches(r"^[^@\s]+@[^@\s]+$", "must be an e-mail address, such as owner@example.com"),
]


class Tenant(Model):
    name: DnsLabel
    """Name of the tenant in URLs: lower-case letters, digits and dashes."""

    display_name: Annotated[str, Field(max_length=200)] = ""
    """Name for people (default: empty, the name is shown)."""

    owner_email: EmailAddress
    """E-mail address of the first owner, whose password the operator writes to the Secret
    <name>-admin."""


Tenants = Annotated[tuple[Tenant, ...], Field(max_length=50), ListMap("name")]
