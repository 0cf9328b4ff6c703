"""The specs of these tests with one field that says something else."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from cms_operator.api import InvalidSpec
from cms_operator.resources.sources.sources import SourceError
from tests.support.children import Case
from tests.unit.security.fields import SPECS, Place, Schema, changed, leaves, places, value_at
from tests.unit.security.made import made

# What some field of text or of amounts takes, where a letter more is refused.
_TEXTS = ("7", "7%", "7Gi", "50m", "key", "10.2.0.0/16")


def variant(path: str) -> tuple[Case, Case]:
    """What is made of a spec that sets the field, and of one that sets it otherwise; without what
    is around it where its value goes with that.
    """
    found = [(spec, place) for spec in SPECS for at, place in places(spec) if at == path]
    for spec, place in found:
        for value in _others(leaves()[path], value_at(spec, place)):
            if pair := _pair(spec, changed(spec, place, value)):
                return pair
    for spec, place in found:
        for length in range(len(place), 0, -1):
            if pair := _pair(spec, _without(spec, place[:length])):
                return pair
    raise LookupError(f"say in variants.py what else {path} can be")


def _pair(spec: Any, other: Any) -> tuple[Case, Case] | None:
    """None where the other is refused, or says the same in another way."""
    before = made(spec)
    try:
        after = made(other)
    except (InvalidSpec, SourceError):
        return None
    return (before, after) if before.resource.spec != after.resource.spec else None


def _others(leaf: Schema, value: Any) -> Iterator[Any]:
    kind = leaf.get("type")
    if kind == "boolean":
        yield not value
    elif kind == "integer":
        yield from (value + 1, value - 1)
    elif "enum" in leaf:
        yield from (word for word in leaf["enum"] if word != value)
    else:
        yield from (f"{value}x", f"x{value}", f"{value}0", *_TEXTS)


def _without(found: Any, place: Place) -> Any:
    step, *rest = place
    if rest:
        return changed(found, (step,), _without(found[step], tuple(rest)))
    if isinstance(found, Mapping):
        return {key: value for key, value in found.items() if key != step}
    left: Sequence[Any] = [value for number, value in enumerate(found) if number != step]
    return left
