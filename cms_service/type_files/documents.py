"""Content types as YAML: one document a type, several in a file where one likes. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml
from pydantic import ValidationError

from cms_service.content_types.schemas import NewContentType
from cms_service.core.validation import strict_json
from cms_service.core.validation.locations import path_in

MAX_BYTES = 1024 * 1024
_MAX_ERRORS = 20
_MAX_SHOWN = 300
_PLAIN = {
    f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null", "timestamp")
}

Path = tuple[str | int, ...]


class DocumentError(Exception):
    """Every line says file, line and what is wrong."""


@dataclass(frozen=True)
class Document:
    """`body` is what was written, to be sent as it is."""

    file: str
    line: int
    type: NewContentType
    body: Mapping[str, Any]

    @property
    def name(self) -> str:
        return self.type.name

    @property
    def definition(self) -> dict[str, Any]:
        return {member: value for member, value in self.body.items() if member != "name"}


def parse(file: str, content: bytes) -> list[Document]:
    """Raises DocumentError."""
    if len(content) > MAX_BYTES:
        raise DocumentError(f"{file}: has more than {MAX_BYTES} bytes")
    try:
        text = content.decode()
        _check_events(file, text)
        nodes = [node for node in yaml.compose_all(text, Loader=yaml.SafeLoader) if node]
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise DocumentError(f"{file}:{line}: is not UTF-8") from None
    except yaml.reader.ReaderError as error:
        line = text[: error.position].count("\n") + 1
        raise DocumentError(f"{file}:{line}: {error.reason}") from None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise DocumentError(f"{file}:{line}: {error.problem}") from None
    return [_document(file, node) for node in nodes]


def check_names(documents: Sequence[Document]) -> None:
    """Raises DocumentError."""
    seen: dict[str, Document] = {}
    for document in documents:
        if (other := seen.setdefault(document.name, document)) is not document:
            raise DocumentError(
                f"{document.file}:{document.line}: the type {document.name} is in"
                f" {other.file}:{other.line} already"
            )


def write(types: Sequence[NewContentType]) -> str:
    """Options that have their usual values are left out."""
    bodies = [one.model_dump(mode="json", by_alias=True, exclude_defaults=True) for one in types]
    ordered = [
        {member: body[member] for member in ("name", "displayName", "fields")} for body in bodies
    ]
    return yaml.safe_dump_all(
        ordered, sort_keys=False, allow_unicode=True, explicit_start=True, width=100
    )


def _check_events(file: str, text: str) -> None:
    """Before anything is built: no aliases, which can grow without bound, and no depth that could
    exhaust the stack.
    """
    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        place = f"{file}:{event.start_mark.line + 1 if event.start_mark else 1}"
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise DocumentError(f"{place}: anchors and aliases are not supported")
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > strict_json.MAX_DEPTH:
            raise DocumentError(f"{place}: nested deeper than {strict_json.MAX_DEPTH} levels")


def _document(file: str, node: yaml.Node) -> Document:
    lines: dict[Path, int] = {}
    body = _value(file, node, (), lines)
    first = node.start_mark.line + 1
    try:
        if not isinstance(body, dict):
            raise ValueError("a document is a mapping with name, displayName and fields")  # noqa: TRY301, TRY004 - told as the one below
        strict_json.check(body)
        return Document(file, first, NewContentType.model_validate(body), body)
    except ValidationError as error:
        raise DocumentError("\n".join(_sentences(file, error, body, lines))) from None
    except ValueError as error:
        raise DocumentError(f"{file}:{first}: {error}") from None


def _value(file: str, node: yaml.Node, path: Path, lines: dict[Path, int]) -> Any:
    lines[path] = node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        return _mapping(file, node, path, lines)
    if isinstance(node, yaml.SequenceNode):
        return [
            _value(file, item, (*path, position), lines) for position, item in enumerate(node.value)
        ]
    if node.tag not in _PLAIN:
        raise DocumentError(f"{file}:{lines[path]}: the tag {node.tag} is not supported")
    if node.tag.endswith(":timestamp"):
        return node.value  # days and moments are texts here
    try:
        return yaml.constructor.SafeConstructor().construct_object(node)
    except ValueError:
        raise DocumentError(f"{file}:{lines[path]}: {node.value[:50]!r} is not a value") from None


def _mapping(
    file: str, node: yaml.MappingNode, path: Path, lines: dict[Path, int]
) -> dict[str, Any]:
    mapping: dict[str, Any] = {}
    for key, value in node.value:
        place = f"{file}:{key.start_mark.line + 1}"
        if not isinstance(key, yaml.ScalarNode) or key.tag != "tag:yaml.org,2002:str":
            raise DocumentError(f"{place}: a key must be a text")
        if key.value in mapping:
            raise DocumentError(f"{place}: {key.value} is given twice")
        mapping[key.value] = _value(file, value, (*path, key.value), lines)
        lines[*path, key.value] = key.start_mark.line + 1
    return mapping


def _sentences(
    file: str, error: ValidationError, body: Any, lines: Mapping[Path, int]
) -> Iterator[str]:
    for details in error.errors()[:_MAX_ERRORS]:
        path = path_in(body, details)
        line = next(lines[path[:end]] for end in range(len(path), -1, -1) if path[:end] in lines)
        where = ".".join(str(part) for part in path)
        message = details["msg"].removeprefix("Value error, ")[:_MAX_SHOWN]
        yield f"{file}:{line}: {where + ': ' if where else ''}{message}"
