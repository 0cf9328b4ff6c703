"""A value of one kind of field as a value of another. Whether it fits there is the new field's
question. Pure.
"""

from collections.abc import Callable, Mapping
from typing import Any

import orjson

from cms_service.content_types.fields import BaseField
from cms_service.content_types.fields.scalar import LocalisableField
from cms_service.core.validation import strict_json
from cms_service.locales.schemas import Locales

_TEXTS = frozenset({"text", "email", "url", "enumeration", "slug", "date", "datetime"})


def convert(value: Any, old: BaseField, new: BaseField, locales: Locales) -> tuple[Any, list[str]]:
    """Also what is lost of it: what is no longer localised keeps the default's value. Raises
    ValueError.
    """
    if new.kind == "json":
        return value, []
    change = _conversion(old.kind, new.kind)
    by_locale: Mapping[str, Any] = value if _is_localised(old) else {locales.default: value}
    converted = {locale: change(one) for locale, one in by_locale.items()}
    what, is_in = _LOSSES.get((old.kind, new.kind), ("", None))
    lost = [what] if is_in and any(map(is_in, by_locale.values())) else []
    if _is_localised(new):
        return converted, lost
    if locales.default not in converted:
        raise ValueError(f"has no value in the locale {locales.default}")
    return converted[locales.default], [*lost, "translations"] if len(converted) > 1 else lost


def _is_localised(field: BaseField) -> bool:
    return isinstance(field, LocalisableField) and field.localised


def _conversion(old: str, new: str) -> Callable[[Any], Any]:
    if (found := _CONVERSIONS.get((old, new))) is not None:
        return found
    if old in _TEXTS and (found := _CONVERSIONS.get(("text", new))) is not None:
        return found
    return _same


def _same(value: Any) -> Any:
    return value


def _number_of(text: str) -> Any:
    try:
        number = orjson.loads(text.strip())
    except orjson.JSONDecodeError:
        raise ValueError("must be a number") from None
    strict_json.check(number)
    return number


def _boolean_of(text: str) -> Any:
    return {"true": True, "false": False}.get(text.strip().lower(), text)


def _document_of(text: str) -> dict[str, Any]:
    """A paragraph for each line that is not empty."""
    paragraphs = [
        {"type": "paragraph", "content": [{"type": "text", "text": line}]}
        for line in text.splitlines()
        if line
    ]
    return {"type": "doc", "content": paragraphs}


def _text_of(document: dict[str, Any]) -> str:
    """A line for each block that holds text."""
    lines: list[str] = []
    waiting: list[dict[str, Any]] = [document]
    while waiting:
        node = waiting.pop()
        content = node.get("content", [])
        if any(inner["type"] in {"text", "hardBreak"} for inner in content):
            lines.append("".join(inner.get("text", "\n") for inner in content))
        else:
            waiting.extend(reversed(content))
    return "\n".join(lines)


def _has_time(moment: str) -> bool:
    return not moment.endswith("T00:00:00Z")


def _is_formatted(document: dict[str, Any]) -> bool:
    """Whether it is more than lines of text."""
    waiting: list[dict[str, Any]] = [document]
    while waiting:
        node = waiting.pop()
        if node["type"] not in {"doc", "paragraph", "text", "hardBreak"} or node.get("marks"):
            return True
        waiting.extend(node.get("content", []))
    return False


_CONVERSIONS: Mapping[tuple[str, str], Callable[[Any], Any]] = {
    ("number", "text"): str,
    ("boolean", "text"): lambda value: str(value).lower(),
    ("text", "number"): _number_of,
    ("text", "boolean"): _boolean_of,
    ("date", "datetime"): lambda day: f"{day}T00:00:00Z",
    ("datetime", "date"): lambda moment: moment[: len("2026-01-31")],
    ("text", "richtext"): _document_of,
    ("richtext", "text"): _text_of,
}

# What a value loses that is converted, and whether one has any.
_LOSSES: Mapping[tuple[str, str], tuple[str, Callable[[Any], bool]]] = {
    ("datetime", "date"): ("a time of day", _has_time),
    ("richtext", "text"): ("formatting", _is_formatted),
}
