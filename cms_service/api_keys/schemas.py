from typing import Annotated, Self
from uuid import UUID

from pydantic import ConfigDict, Field, model_validator

from cms_service.auth.permissions import Role
from cms_service.core.validation.exact import Moment
from cms_service.core.validation.schemas import RequestBody, Schema, Timestamp
from cms_service.roles.names import GivenRole
from cms_service.roles.rules import RuleBodies, StoredRules


class NewApiKey(RequestBody):
    """A key with neither a role nor rules reads what is published and nothing else."""

    model_config = ConfigDict(
        json_schema_extra={
            "anyOf": [{"properties": {member: {"type": "null"}}} for member in ("role", "rules")]
        }
    )

    name: Annotated[str, Field(min_length=1, max_length=100)]
    role: GivenRole | None = None
    rules: RuleBodies | None = None
    expires_at: Moment | None = None

    @model_validator(mode="after")
    def _one_scope(self) -> Self:
        if self.role is not None and self.rules is not None:
            raise ValueError("a key has a role or rules, not both")
        if self.role == Role.OWNER:
            raise ValueError("a key cannot be an owner")
        return self


class ApiKey(Schema):
    """`lastUsedAt` is right to the hour."""

    id: UUID
    name: str
    role: str | None
    rules: StoredRules | None
    created_at: Timestamp
    created_by: UUID | None
    expires_at: Timestamp | None
    last_used_at: Timestamp | None


class CreatedApiKey(ApiKey):
    """The only answer that holds `key`: it is not kept."""

    key: str
