"""What becomes of an entry's values when its type changes. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from cms_service.content_types.changes import differences, sources
from cms_service.content_types.conversions import convert
from cms_service.content_types.fields import BaseField, Completeness, Context, patterns
from cms_service.content_types.fields.base import accept_members
from cms_service.content_types.fields.kinds import ComponentField, ComponentsField
from cms_service.content_types.fields.reference import ReferenceField, ReferencesField
from cms_service.content_types.fields.scalar import UniqueField
from cms_service.content_types.fields.slug import SlugField
from cms_service.locales.schemas import Locales

_Group = ComponentField | ComponentsField
_Referring = ReferenceField | ReferencesField


@dataclass(frozen=True)
class Moved:
    """`misfits`: by the name of the field (the old one where it is removed), what does not fit."""

    values: dict[str, Any]
    misfits: dict[str, str]


@dataclass(frozen=True)
class _Pairs:
    """Which field goes on as which, by the new one's name, and the fields that go on as none."""

    sources: Mapping[str, BaseField]
    dropped: Sequence[BaseField]

    @classmethod
    def of(cls, old: Sequence[BaseField], new: Sequence[BaseField]) -> "_Pairs":
        found = sources(old, new)
        kept = {source.name for source in found.values()}
        return cls(found, [one for one in old if one.name not in kept])


@dataclass
class _Comparisons:
    """Definitions, compared once and not for each value of an entry: it may have many thousands.
    Whoever asks keeps them, so that none is taken for another.
    """

    _pairs: dict[tuple[int, int], _Pairs] = field(default_factory=dict)
    _differ: dict[tuple[int, int], bool] = field(default_factory=dict)

    def pairs(self, old: Sequence[BaseField], new: Sequence[BaseField]) -> _Pairs:
        key = id(old), id(new)
        if (known := self._pairs.get(key)) is None:
            known = self._pairs[key] = _Pairs.of(old, new)
        return known

    def differ(self, old: BaseField, new: BaseField) -> bool:
        key = id(old), id(new)
        if (known := self._differ.get(key)) is None:
            known = self._differ[key] = bool(differences(old, new))
        return known


@dataclass
class Mover:
    """Moves the values of those fields that change, entry by entry, the oldest first: of several
    entries with a value that becomes unique the oldest keeps it.
    """

    old: Sequence[BaseField]
    new: Sequence[BaseField]
    locales: Locales
    _taken: set[tuple[Completeness, str, str, bytes]] = field(default_factory=set)
    _comparisons: _Comparisons = field(default_factory=_Comparisons)

    def move(
        self,
        values: Mapping[str, Any],
        completeness: Completeness,
        target_types: Mapping[str, str],
    ) -> Moved:
        """`target_types`: of which type the entries are that the values refer to."""
        task = _Move(self.locales, target_types, self._comparisons)
        with patterns.at_most(patterns.STEPS_OF_AN_ENTRY):
            moved = task.members(self.old, self.new, values)
        if completeness is Completeness.PUBLISHED:
            with patterns.at_most(patterns.STEPS_OF_AN_ENTRY):
                task.check_complete(self.old, values, self.new, moved)
        for one in self.new:
            if one.name in moved:
                self._claim(one, moved, completeness, task)
        return Moved(moved, task.misfits)

    def _claim(
        self, one: BaseField, moved: dict[str, Any], completeness: Completeness, task: "_Move"
    ) -> None:
        by_locale = _claims(one, moved[one.name])
        kept = {}
        for locale, (value, identity) in by_locale.items():
            claim = (completeness, one.name, locale, identity)
            if claim in self._taken:
                task.note(one.name, "an older entry has the same value")
            else:
                self._taken.add(claim)
                kept[locale] = value
        if by_locale and not kept:
            del moved[one.name]
        elif len(kept) < len(by_locale):
            moved[one.name] = kept


def _claims(one: BaseField, value: Any) -> dict[str, tuple[Any, bytes]]:
    """What is claimed in each locale, with a digest of what counts as the same."""
    if isinstance(one, SlugField):
        return {"": (value, sha256(value.encode()).digest())}
    if isinstance(one, UniqueField) and one.unique:
        parts = one.values_by_locale(value)
        return {
            locale: (part, sha256(one.identity(part)).digest()) for locale, part in parts.items()
        }
    return {}


@dataclass
class _Move:
    """One entry being moved. `top` is the field of the type in which everything below is."""

    locales: Locales
    target_types: Mapping[str, str]
    comparisons: _Comparisons
    misfits: dict[str, str] = field(default_factory=dict)

    def note(self, top: str, detail: str) -> None:
        self.misfits.setdefault(top, detail)

    def members(
        self,
        old: Sequence[BaseField],
        new: Sequence[BaseField],
        values: Mapping[str, Any],
        top: str = "",
    ) -> dict[str, Any]:
        pairs = self.comparisons.pairs(old, new)
        moved = {
            one.name: value
            for one in new
            if (value := self._member(pairs.sources.get(one.name), one, values, top or one.name))
            is not None
        }
        for one in pairs.dropped:
            if not _is_nothing(one, values.get(one.name)):
                self.note(top or one.name, f"{one.name} has a value, which would be lost")
        return moved

    def _member(
        self, old: BaseField | None, new: BaseField, values: Mapping[str, Any], top: str
    ) -> Any:
        value = None if old is None else values.get(old.name)
        if old is not None and value is not None:
            return self._value(old, new, value, top)
        if new.required and (old is None or not old.required):
            return new.default_value(self._draft)
        return None

    def check_complete(
        self,
        old: Sequence[BaseField],
        values: Mapping[str, Any],
        new: Sequence[BaseField],
        moved: Mapping[str, Any],
    ) -> None:
        """What was incomplete before is not for the change to be told of."""
        errors = self._incomplete(new, moved)
        before = self._incomplete(old, values) if errors else set()
        pairs = self.comparisons.pairs(old, new).sources
        for name, place, detail in sorted(errors):
            if name not in pairs or (pairs[name].name, place, detail) not in before:
                self.note(name, f"is published, and {place}{detail}")

    def _incomplete(
        self, fields: Sequence[BaseField], values: Mapping[str, Any]
    ) -> set[tuple[str, str, str]]:
        """The name of the field, where in it, and what is wrong there."""
        _, errors = accept_members(fields, values, Context(Completeness.PUBLISHED, self.locales))
        found = set()
        for error in errors:
            _, name, *inside = error.pointer.split("/")
            found.add((name, f"{'/'.join(inside)} " if inside else "", error.detail))
        return found

    @property
    def _draft(self) -> Context:
        return Context(Completeness.DRAFT, self.locales)

    def _value(self, old: BaseField, new: BaseField, value: Any, top: str) -> Any:
        if not self.comparisons.differ(old, new):
            return value
        try:
            return new.accept(self._converted(old, new, value, top), self._draft)
        except ValueError as error:
            if not _is_nothing(old, value):
                self.note(top, str(error))
            return None

    def _converted(self, old: BaseField, new: BaseField, value: Any, top: str) -> Any:
        if isinstance(old, _Group) and isinstance(new, _Group):
            items = value if isinstance(old, ComponentsField) else [value]
            moved = [self.members(old.fields, new.fields, item, top) for item in items]
            return moved if isinstance(new, ComponentsField) else _only(moved)
        if isinstance(old, _Referring) and isinstance(new, _Referring):
            targets = value if isinstance(old, ReferencesField) else [value]
            kept = [target for target in targets if self._may_refer(new, target)]
            if len(kept) < len(targets):
                self.note(top, f"refers to an entry that is no {' or '.join(new.types)}")
            return kept if isinstance(new, ReferencesField) else _only(kept)
        if isinstance(new, _Group | _Referring):
            raise ValueError(f"cannot become a value of the kind {new.kind}")  # noqa: TRY004 - a wrong value
        converted, lost = convert(value, old, new, self.locales)
        if lost:
            self.note(top, f"has {' and '.join(lost)}, which would be lost")
        return converted

    def _may_refer(self, new: _Referring, target: str) -> bool:
        """What is gone for good is nothing that a type could be wrong for."""
        return self.target_types.get(target, new.types[0]) in new.types


def _is_nothing(one: BaseField, value: Any) -> bool:
    """A list without items and a value in no locale lose nothing; to a JSON field they say it."""
    return value is None or (one.kind != "json" and value in ([], {}))


def _only(items: Sequence[Any]) -> Any:
    """Raises ValueError."""
    if len(items) != 1:
        raise ValueError(f"has {len(items)} items, where one is asked for")
    return items[0]
