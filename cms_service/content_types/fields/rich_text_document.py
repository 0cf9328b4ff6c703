"""Rich text as a structured document, never HTML: the JSON that ProseMirror and TipTap write, cut
down to what is listed here. One table says what is accepted and makes the JSON Schema. Pure.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from cms_service.content_types.fields.addresses import MAX_URL_LENGTH, NOT_IN_URLS, URL_CHARACTER
from cms_service.content_types.fields.base import RefusedValue, pointer
from cms_service.core.errors import FieldError

MAX_BYTES = 256 * 1024
MAX_NODES = 5_000
MAX_DEPTH = 8
_MAX_ERRORS = 10
_MAX_LIST_START = 1_000_000
# http, https, mailto, or relative: no colon before the first slash, question mark or hash.
_RELATIVE = rf"[^:/?#{NOT_IN_URLS}]+(?:[/?#]{URL_CHARACTER}*)?|[/?#]{URL_CHARACTER}*"
LINK_PATTERN = (
    rf"^(?:[hH][tT][tT][pP][sS]?://{URL_CHARACTER}+"
    rf"|[mM][aA][iI][lL][tT][oO]:{URL_CHARACTER}+|{_RELATIVE})$"
)
_LANGUAGE_PATTERN = r"^[A-Za-z0-9+#._-]{1,40}$"


@dataclass(frozen=True)
class _Attribute:
    schema: Mapping[str, Any]
    accepts: Callable[[Any], bool]
    detail: str
    required: bool = False


@dataclass(frozen=True)
class _Node:
    content: frozenset[str] = frozenset()
    needs_content: bool = False
    attributes: Mapping[str, _Attribute] = field(default_factory=dict)


def _whole_number(low: int, high: int, *, required: bool) -> _Attribute:
    return _Attribute(
        {"type": "integer", "minimum": low, "maximum": high},
        lambda value: type(value) is int and low <= value <= high,
        f"must be a whole number from {low} to {high}",
        required,
    )


def _matching(pattern: str, length: int, detail: str, *, required: bool) -> _Attribute:
    compiled = re.compile(pattern[1:-1])
    return _Attribute(
        {"type": "string", "maxLength": length, "pattern": pattern},
        lambda value: (
            isinstance(value, str) and len(value) <= length and bool(compiled.fullmatch(value))
        ),
        detail,
        required,
    )


_INLINE = frozenset({"text", "hardBreak"})
_BLOCKS = frozenset(
    {
        "paragraph",
        "heading",
        "bulletList",
        "orderedList",
        "blockquote",
        "codeBlock",
        "horizontalRule",
    }
)
_NODES = {
    "doc": _Node(_BLOCKS),
    "paragraph": _Node(_INLINE),
    "heading": _Node(_INLINE, attributes={"level": _whole_number(1, 6, required=True)}),
    "bulletList": _Node(frozenset({"listItem"}), needs_content=True),
    "orderedList": _Node(
        frozenset({"listItem"}),
        needs_content=True,
        attributes={"start": _whole_number(0, _MAX_LIST_START, required=False)},
    ),
    "listItem": _Node(_BLOCKS, needs_content=True),
    "blockquote": _Node(_BLOCKS, needs_content=True),
    "codeBlock": _Node(
        frozenset({"text"}),
        attributes={
            "language": _matching(
                _LANGUAGE_PATTERN, 40, "must be the name of a language", required=False
            )
        },
    ),
    "horizontalRule": _Node(),
    "hardBreak": _Node(),
}
_MARKS: dict[str, Mapping[str, _Attribute]] = {
    "bold": {},
    "italic": {},
    "underline": {},
    "strike": {},
    "code": {},
    "link": {
        "href": _matching(
            LINK_PATTERN,
            MAX_URL_LENGTH,
            "must be an http, https, mailto or relative URL",
            required=True,
        )
    },
}


def check(document: Any) -> None:
    """Raises ValueError."""
    errors: list[FieldError] = []
    for error in _errors(document):
        errors.append(error)
        if len(errors) == _MAX_ERRORS:
            break
    if errors:
        raise RefusedValue(errors)
    if len(orjson.dumps(document)) > MAX_BYTES:
        raise ValueError(f"must have at most {MAX_BYTES} bytes")


def _errors(document: Any) -> Iterator[FieldError]:
    """Depth first, without recursion, and never more than MAX_NODES nodes."""
    waiting: list[tuple[Any, str, frozenset[str], int]] = [(document, "", frozenset({"doc"}), 0)]
    seen = 0
    while waiting:
        node, place, allowed, depth = waiting.pop()
        seen += 1
        if seen > MAX_NODES:
            yield FieldError("", f"must have at most {MAX_NODES} nodes")
            return
        if depth > MAX_DEPTH:
            yield FieldError(place, f"must be nested at most {MAX_DEPTH} levels")
            continue
        kind = node.get("type") if isinstance(node, dict) else None
        if not isinstance(kind, str) or kind not in allowed:
            yield FieldError(place, f"must be of the type {' or '.join(sorted(allowed))}")
        elif kind == "text":
            yield from _text_errors(node, place)
        else:
            rules = _NODES[kind]
            yield from _node_errors(node, rules, place)
            content = node.get("content")
            if isinstance(content, list):
                waiting.extend(
                    (inner, f"{place}/content/{position}", rules.content, depth + 1)
                    for position, inner in reversed(list(enumerate(content)))
                )


def _node_errors(node: dict[str, Any], rules: _Node, place: str) -> Iterator[FieldError]:
    known = {"type"} | ({"content"} if rules.content else set())
    if rules.attributes:
        known.add("attrs")
        yield from _attribute_errors(node, rules.attributes, place)
    yield from _unknown(node, known, place)
    content = node.get("content", [])
    if rules.content and not isinstance(content, list):
        yield FieldError(f"{place}/content", "must be a list")
    elif rules.needs_content and not content:
        yield FieldError(place, "must have content")


def _text_errors(node: dict[str, Any], place: str) -> Iterator[FieldError]:
    yield from _unknown(node, {"type", "text", "marks"}, place)
    if not isinstance(node.get("text"), str) or not node["text"]:
        yield FieldError(f"{place}/text", "must be a text that is not empty")
    marks = node.get("marks", [])
    if not isinstance(marks, list) or len(marks) > len(_MARKS):
        yield FieldError(f"{place}/marks", f"must be a list of at most {len(_MARKS)} marks")
        return
    for position, mark in enumerate(marks):
        at = f"{place}/marks/{position}"
        kind = mark.get("type") if isinstance(mark, dict) else None
        if not isinstance(kind, str) or kind not in _MARKS:
            yield FieldError(at, f"must be of the type {' or '.join(sorted(_MARKS))}")
            continue
        attributes = _MARKS[kind]
        yield from _unknown(mark, {"type", "attrs"} if attributes else {"type"}, at)
        yield from _attribute_errors(mark, attributes, at)


def _attribute_errors(
    node: dict[str, Any], rules: Mapping[str, _Attribute], place: str
) -> Iterator[FieldError]:
    given = node.get("attrs", {})
    if not isinstance(given, dict):
        yield FieldError(f"{place}/attrs", "must be an object")
        return
    yield from _unknown(given, set(rules), f"{place}/attrs")
    for name, rule in rules.items():
        if name not in given:
            if rule.required:
                yield FieldError(f"{place}/attrs/{name}", "is required")
        elif not rule.accepts(given[name]):
            yield FieldError(f"{place}/attrs/{name}", rule.detail)


def _unknown(members: dict[str, Any], known: set[str], place: str) -> Iterator[FieldError]:
    for name in members.keys() - known:
        yield FieldError(place + pointer(name), "no such member")


def _object_schema(kind: str, rules: Mapping[str, _Attribute]) -> dict[str, Any]:
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {"type": {"const": kind}},
        "required": ["type"],
        "additionalProperties": False,
    }
    if rules:
        required = [name for name, rule in rules.items() if rule.required]
        schema["properties"]["attrs"] = {
            "type": "object",
            "properties": {name: dict(rule.schema) for name, rule in rules.items()},
            "required": required,
            "additionalProperties": False,
        }
        if required:
            schema["required"] = ["type", "attrs"]
    return schema


def _node_schema(kind: str, rules: _Node) -> dict[str, Any]:
    schema = _object_schema(kind, rules.attributes)
    if rules.content:
        schema["properties"]["content"] = {
            "type": "array",
            "items": {"oneOf": [{"$ref": f"#/$defs/{inner}"} for inner in sorted(rules.content)]},
            **({"minItems": 1} if rules.needs_content else {}),
        }
        if rules.needs_content:
            schema["required"] = [*schema["required"], "content"]
    return schema


def _text_schema() -> dict[str, Any]:
    schema = _object_schema("text", {})
    schema["required"] = ["type", "text"]
    schema["properties"] |= {
        "text": {"type": "string", "minLength": 1},
        "marks": {
            "type": "array",
            "maxItems": len(_MARKS),
            "items": {"oneOf": [_object_schema(kind, rules) for kind, rules in _MARKS.items()]},
        },
    }
    return schema


# With an identifier of its own the references inside hold wherever it is put.
SCHEMA: dict[str, Any] = {
    "$id": "urn:headlesscms:rich-text",
    "$ref": "#/$defs/doc",
    "$defs": {
        "text": _text_schema(),
        **{kind: _node_schema(kind, rules) for kind, rules in _NODES.items()},
    },
}
