from typing import Self
from uuid import UUID

from pydantic import ConfigDict, JsonValue, model_validator

from cms_service.auth.permissions import Role
from cms_service.core.validation.schemas import RequestBody, Schema, Timestamp
from cms_service.roles.names import RoleName
from cms_service.roles.rules import RuleBodies, StoredRules
from cms_service.tenants.schemas import DisplayName

_EXAMPLE: dict[str, JsonValue] = {
    "name": "translator",
    "displayName": "Translator",
    "rules": [
        {"permissions": ["content-types:read", "entries:read"]},
        {"permissions": ["entries:update"], "contentTypes": ["article"], "locales": ["de"]},
    ],
}


class RoleDefinition(RequestBody):
    display_name: DisplayName
    rules: RuleBodies


class NewRole(RoleDefinition):
    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    name: RoleName

    @model_validator(mode="after")
    def _not_built_in(self) -> Self:
        if self.name in set(Role):
            raise ValueError("the name belongs to a built-in role")
        return self


class CustomRole(Schema):
    id: UUID
    name: str
    display_name: str
    rules: StoredRules
    version: int
    created_at: Timestamp
    updated_at: Timestamp
