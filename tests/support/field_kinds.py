"""A field of each kind that there is."""

from typing import Any, get_args

from pydantic import TypeAdapter

from cms_service.content_types.fields import AnyField, BaseField

_FIELD: TypeAdapter[BaseField] = TypeAdapter(AnyField)
_INNER = [{"name": "title", "kind": "text"}]
_NEEDED: dict[str, dict[str, Any]] = {
    "enumeration": {"values": ["a", "b"]},
    "reference": {"types": ["author"]},
    "references": {"types": ["author"]},
    "component": {"fields": _INNER},
    "components": {"fields": _INNER},
}

_CLASSES: tuple[type[BaseField], ...] = get_args(get_args(AnyField)[0])
KINDS = [get_args(one.model_fields["kind"].annotation)[0] for one in _CLASSES]
LOCALISABLE = [
    kind for kind, one in zip(KINDS, _CLASSES, strict=True) if "localised" in one.model_fields
]


def definition(kind: str, **options: object) -> dict[str, Any]:
    """A field that bears the name of its kind."""
    return {"name": kind, "kind": kind, **_NEEDED.get(kind, {}), **options}


def field(kind: str, **options: object) -> BaseField:
    return _FIELD.validate_python(definition(kind, **options))
