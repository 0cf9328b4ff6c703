"""What a new definition changes in an old one, field by field. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from cms_service.content_types.fields import BaseField
from cms_service.content_types.fields.kinds import ComponentField, ComponentsField

# The smaller, or the bigger, the more fits.
_LOWER_BOUNDS = frozenset({"minLength", "minimum", "minItems"})
_UPPER_BOUNDS = frozenset({"maxLength", "maximum", "maxItems"})
_DEMANDS = frozenset({"required", "unique", "integer", "uniqueItems"})
_CHOICES = frozenset({"values", "types"})


class ChangeKind(StrEnum):
    """What happens to a field, from what every value survives to what none may."""

    WIDENED = "widened"
    ADDED = "added"
    RENAMED = "renamed"
    NARROWED = "narrowed"
    CONVERTED = "converted"
    REMOVED = "removed"


_ORDER = list(ChangeKind)


@dataclass(frozen=True)
class Change:
    """`old` is None for what is added, `new` for what is removed."""

    kind: ChangeKind
    old: BaseField | None
    new: BaseField | None
    details: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return self.new.name if self.new else self.old.name if self.old else ""

    @property
    def gives_up(self) -> str | None:
        """The name that it takes from its values, as rules may know them by."""
        if self.old is None or (self.new is not None and self.new.name == self.old.name):
            return None
        return self.old.name

    @property
    def needs_a_look(self) -> bool:
        """Whether entries have to be looked at, or rewritten."""
        if self.kind is ChangeKind.ADDED:
            return self.new is not None and self.new.required
        return self.kind is not ChangeKind.WIDENED


def compare(old: Sequence[BaseField], new: Sequence[BaseField]) -> list[Change]:
    """The changes, in the order of the new fields; then what is removed."""
    pairs = sources(old, new)
    changes = [change for field in new if (change := _change(pairs.get(field.name), field))]
    kept = {source.name for source in pairs.values()}
    return changes + [
        Change(ChangeKind.REMOVED, field, None) for field in old if field.name not in kept
    ]


def sources(old: Sequence[BaseField], new: Sequence[BaseField]) -> dict[str, BaseField]:
    """Which old field goes on as which new one: the one of its name, or else of its former
    name.
    """
    known = {field.name: field for field in old}
    names = {field.name: field.name if field.name in known else field.renamed_from for field in new}
    return {name: known[source] for name, source in names.items() if source in known}


def _change(old: BaseField | None, new: BaseField) -> Change | None:
    if old is None:
        return Change(ChangeKind.ADDED, None, new)
    found = differences(old, new)
    details = tuple(detail for _, detail in found)
    kinds = [kind for kind, _ in found]
    if old.name != new.name:
        kinds.append(ChangeKind.RENAMED)
        details = (f"{old.name} becomes {new.name}", *details)
    return Change(max(kinds, key=_ORDER.index), old, new, details) if kinds else None


def differences(old: BaseField, new: BaseField) -> list[tuple[ChangeKind, str]]:
    """What differs in anything but the name."""
    return list(_differences(old, new))


def _differences(old: BaseField, new: BaseField) -> Iterator[tuple[ChangeKind, str]]:
    before, after = (field.model_dump(mode="json", by_alias=True) for field in (old, new))
    if before["kind"] != after["kind"]:
        yield ChangeKind.CONVERTED, f"{before['kind']} becomes {after['kind']}"
        return
    for option in after:
        was, is_now = before[option], after[option]
        if option == "name" or was == is_now:
            continue
        if option == "fields":
            yield from _inner_differences(old, new)
        else:
            yield _option_kind(option, was, is_now), f"{option}: {_shown(was)} → {_shown(is_now)}"


def _inner_differences(old: BaseField, new: BaseField) -> Iterator[tuple[ChangeKind, str]]:
    if not isinstance(old, ComponentField | ComponentsField) or not isinstance(
        new, ComponentField | ComponentsField
    ):
        return
    inner = compare(old.fields, new.fields)
    for change in inner:
        details = f" ({'; '.join(change.details)})" if change.details else ""
        yield _inner_kind(change), f"{change.name} is {change.kind}{details}"
    if not inner:
        yield ChangeKind.WIDENED, "the inner fields are in another order"


def _inner_kind(change: Change) -> ChangeKind:
    if change.kind in {ChangeKind.ADDED, ChangeKind.REMOVED}:
        return ChangeKind.NARROWED if change.needs_a_look else ChangeKind.WIDENED
    return change.kind


def _option_kind(option: str, was: Any, is_now: Any) -> ChangeKind:
    if option == "localised":
        return ChangeKind.CONVERTED
    wider = (
        option == "default"
        or is_now is None
        or (option in _DEMANDS and not is_now)
        or (option in _CHOICES and set(was) <= set(is_now))
        or (option in _LOWER_BOUNDS and _is_below(is_now, was))
        or (option in _UPPER_BOUNDS and _is_below(was, is_now))
    )
    return ChangeKind.WIDENED if wider else ChangeKind.NARROWED


def _is_below(one: Any, other: Any) -> bool:
    """Whether both are numbers and one is less. Moments are not compared as texts: their entries
    are looked at.
    """
    numbers = isinstance(one, int | float) and isinstance(other, int | float)
    return numbers and one < other


def _shown(value: Any) -> str:
    text = "none" if value is None else str(value)
    return text if len(text) <= 60 else f"{text[:60]}…"  # noqa: PLR2004 - what fits into a line
