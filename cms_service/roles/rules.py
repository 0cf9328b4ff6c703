"""Rules as they are written and kept."""

from collections.abc import Iterable, Sequence
from typing import Annotated, Any, Self

from pydantic import ConfigDict, Field, JsonValue, TypeAdapter, model_validator

from cms_service.auth.permissions import (
    OF_ENTRIES,
    OF_FIELDS,
    OF_TYPES,
    Permission,
    Role,
    Rule,
    rules_of,
)
from cms_service.content_types.fields.base import FieldName
from cms_service.content_types.names import TypeName
from cms_service.core.validation.exact import Flag
from cms_service.core.validation.schemas import RequestBody
from cms_service.locales.schemas import LocaleCode

MAX_RULES = 50
_MAX_NAMES = 50


def _only_with(limited: Iterable[Permission], **unlimited: JsonValue) -> dict[str, JsonValue]:
    """A rule has no such limit, or it is of these permissions alone."""
    names: list[JsonValue] = [*sorted(limited)]
    return {
        "anyOf": [
            {"properties": unlimited},
            {"properties": {"permissions": {"items": {"enum": names}}}},
        ]
    }


_GRANTABLE: list[JsonValue] = [*sorted(set(Permission) - {Permission.WRITE_OWNERS})]
# What `_limits_fit` asks for.
_LIMITS_SCHEMA: list[JsonValue] = [
    {"properties": {"permissions": {"items": {"enum": _GRANTABLE}}}},
    _only_with(OF_TYPES, contentTypes={"type": "null"}),
    _only_with(OF_FIELDS, fields={"type": "null"}),
    _only_with(OF_FIELDS, locales={"type": "null"}),
    _only_with(OF_ENTRIES, own={"const": False}),
    {"anyOf": [{"properties": {name: {"const": False}}} for name in ("own", "deny")]},
]


class StoredRule(RequestBody):
    """A rule as it is kept. A later release may have written `permissions` that this one does not
    know.
    """

    permissions: tuple[str, ...]
    deny: Flag = False
    content_types: Annotated[tuple[TypeName, ...], Field(max_length=_MAX_NAMES)] | None = None
    fields: Annotated[tuple[FieldName, ...], Field(max_length=_MAX_NAMES)] | None = None
    locales: Annotated[tuple[LocaleCode, ...], Field(max_length=_MAX_NAMES)] | None = None
    own: Flag = False

    def rule(self) -> Rule:
        return Rule(
            frozenset(self.permissions),
            not self.deny,
            _names(self.content_types),
            _names(self.fields),
            _names(self.locales),
            self.own,
        )


class RuleBody(StoredRule):
    """A limit that is left out leaves the rule to hold for all. `own` limits it to the entries that
    the user has made. What one rule denies no other can allow.
    """

    model_config = ConfigDict(json_schema_extra={"allOf": _LIMITS_SCHEMA})

    permissions: Annotated[tuple[Permission, ...], Field(min_length=1, max_length=len(Permission))]

    @model_validator(mode="after")
    def _limits_fit(self) -> Self:
        if Permission.WRITE_OWNERS in self.permissions:
            raise ValueError(f"{Permission.WRITE_OWNERS} belongs to the role owner alone")
        limits = {
            "contentTypes": (self.content_types is not None, OF_TYPES),
            "fields": (self.fields is not None, OF_FIELDS),
            "locales": (self.locales is not None, OF_FIELDS),
            "own": (self.own, OF_ENTRIES),
        }
        for name, (is_set, limited) in limits.items():
            others = sorted(set(self.permissions) - limited)
            if is_set and others:
                raise ValueError(f"{name} cannot limit {others[0]}")
        if self.own and self.deny:
            raise ValueError("own cannot limit what is denied")
        return self


RuleBodies = Annotated[tuple[RuleBody, ...], Field(max_length=MAX_RULES)]
StoredRules = tuple[StoredRule, ...]
_STORED = TypeAdapter(StoredRules)


def rules_from(bodies: Iterable[StoredRule]) -> tuple[Rule, ...]:
    return tuple(body.rule() for body in bodies)


def granted(role: str, rows: object) -> tuple[Rule, ...]:
    """The rules as they are stored, or those of the built-in role where none are (None)."""
    return rules_of(Role(role)) if rows is None else rules_from(_STORED.validate_python(rows))


def to_store(bodies: Sequence[RuleBody]) -> list[dict[str, Any]]:
    return [body.model_dump(mode="json", by_alias=True, exclude_defaults=True) for body in bodies]


def _names(limit: tuple[str, ...] | None) -> frozenset[str] | None:
    return None if limit is None else frozenset(limit)
