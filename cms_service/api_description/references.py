"""`$ref`s to schemas inside a document. Pure."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

SCHEMAS = "#/components/schemas/"


def schemas_in(node: Any) -> Iterator[str]:
    """The names of schemas that a node refers to directly."""
    if isinstance(node, dict):
        reference = node.get("$ref")
        if isinstance(reference, str) and reference.startswith(SCHEMAS):
            yield reference.removeprefix(SCHEMAS)
        for member in node.values():
            yield from schemas_in(member)
    elif isinstance(node, list):
        for member in node:
            yield from schemas_in(member)


def renamed(node: Any, name_of: Callable[[str], str]) -> Any:
    """A copy that refers to schemas by other names."""
    if isinstance(node, list):
        return [renamed(member, name_of) for member in node]
    if not isinstance(node, dict):
        return node
    reference = node.get("$ref")
    if isinstance(reference, str) and reference.startswith(SCHEMAS):
        return {**node, "$ref": SCHEMAS + name_of(reference.removeprefix(SCHEMAS))}
    return {name: renamed(member, name_of) for name, member in node.items()}


def reached(schemas: Mapping[str, Any], start: set[str]) -> set[str]:
    """The names `start`, and all that these refer to."""
    found, waiting = set[str](), set(start)
    while waiting:
        name = waiting.pop()
        found.add(name)
        waiting |= set(schemas_in(schemas[name])) - found
    return found


def leading_to(schemas: Mapping[str, Any], ends: set[str]) -> set[str]:
    """The names `ends`, and all that refer to these, however far away."""
    found = set(ends)
    while more := {
        name
        for name, schema in schemas.items()
        if name not in found and not found.isdisjoint(schemas_in(schema))
    }:
        found |= more
    return found
