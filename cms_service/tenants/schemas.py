from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from cms_service.core.validation.schemas import RequestBody, Schema, Timestamp

TENANT_NAME_PATTERN = r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"

DisplayName = Annotated[str, Field(min_length=1, max_length=200)]


class DeliveryAccess(StrEnum):
    """`private`: published content needs a token of the tenant. `public`: it needs none."""

    PRIVATE = "private"
    PUBLIC = "public"


# Those that PostgreSQL brings; `simple` compares whole words.
SearchLanguage = Literal[
    "simple",
    "arabic",
    "armenian",
    "basque",
    "catalan",
    "danish",
    "dutch",
    "english",
    "finnish",
    "french",
    "german",
    "greek",
    "hindi",
    "hungarian",
    "indonesian",
    "irish",
    "italian",
    "lithuanian",
    "nepali",
    "norwegian",
    "portuguese",
    "romanian",
    "russian",
    "serbian",
    "spanish",
    "swedish",
    "tamil",
    "turkish",
    "yiddish",
]


class Tenant(Schema):
    name: str
    display_name: str
    delivery_access: DeliveryAccess
    search_language: SearchLanguage
    created_at: Timestamp


class TenantChange(RequestBody):
    """What is left out stays as it is."""

    display_name: DisplayName | None = None
    delivery_access: DeliveryAccess | None = None
    search_language: SearchLanguage | None = None


@dataclass(frozen=True, slots=True)
class TenantState:
    """What a request has to know of its tenant before it may ask for rows. `types_generation`
    changes with the content types and the locales alone.
    """

    id: UUID
    name: str
    delivery_access: DeliveryAccess
    generation: int
    access_generation: int
    types_generation: int
