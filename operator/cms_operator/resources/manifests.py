"""Fields of the spec as parts of manifests."""

from collections.abc import Iterable, Mapping
from typing import Any

from cms_operator.api.model import Model

Manifest = dict[str, Any]


def part(model: Model) -> Manifest:
    """The fields that say something: none absent, no empty lists or maps; an empty group stays."""
    fields = type(model).model_fields
    values = {field.alias or name: getattr(model, name) for name, field in fields.items()}
    return {name: _plain(value) for name, value in values.items() if not _says_nothing(value)}


def parts(models: Iterable[Model]) -> list[Manifest]:
    return [part(model) for model in models]


def without_empty(manifest: Mapping[str, Any]) -> Manifest:
    return {key: value for key, value in manifest.items() if value not in (None, [], {})}


def _says_nothing(value: Any) -> bool:
    return value is None or (isinstance(value, tuple | Mapping) and not value)


def _plain(value: Any) -> Any:
    if isinstance(value, Model):
        return part(value)
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value
