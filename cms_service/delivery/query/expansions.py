"""References that a query wants replaced by the entries that they lead to. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from cms_service.content_types.fields.reference import ReferenceField, ReferencesField
from cms_service.content_types.schemas import ContentType
from cms_service.delivery.query.grammar import refuse

MAX_EXPANDED_ENTRIES = 20_000

Path = tuple[str, ...]


@dataclass(frozen=True)
class Expansion:
    """Replaces the references in a field of the types `sources` by their entries."""

    field: str
    many: bool
    sources: tuple[UUID, ...]
    guarded: bool
    most: int
    inner: tuple["Expansion", ...] = ()

    @property
    def entries(self) -> int:
        return self.most * (1 + sum(one.entries for one in self.inner))


def types_to_expand(heads: Iterable[str], sources: Iterable[ContentType]) -> set[str]:
    """The names of the types that references in these fields lead to."""
    wanted = set(heads)
    return {
        name
        for source in sources
        for field in source.fields
        if field.name in wanted and isinstance(field, ReferenceField | ReferencesField)
        for name in field.types
    }


def expansions_of(
    paths: Sequence[Path], sources: Sequence[ContentType], types: Mapping[str, ContentType]
) -> tuple[Expansion, ...]:
    return tuple(
        expansion
        for head in sorted({path[0] for path in paths})
        for expansion in _of_field(
            head, [path[1:] for path in paths if path[0] == head and path[1:]], sources, types
        )
    )


def _of_field(
    name: str,
    inner: Sequence[Path],
    sources: Sequence[ContentType],
    types: Mapping[str, ContentType],
) -> list[Expansion]:
    """One for each cardinality: types that are referred to may disagree about it."""
    holders = [
        (source, field)
        for source in sources
        for field in source.fields
        if field.name == name and isinstance(field, ReferenceField | ReferencesField)
    ]
    if not holders:
        places = " or ".join(source.name for source in sources)
        refuse("expand", f"{name} is no reference of {places or 'what it leads to'}")
    targets = [types[target] for target in sorted(types_to_expand([name], sources) & types.keys())]
    below = expansions_of(inner, targets, types) if inner else ()
    found = []
    for many in (False, True):
        alike = [
            (source, field)
            for source, field in holders
            if isinstance(field, ReferencesField) == many
        ]
        if alike:
            most = max(
                field.max_items if isinstance(field, ReferencesField) else 1 for _, field in alike
            )
            ids = tuple(source.id for source, _ in alike)
            guarded = len(ids) < len(sources)
            found.append(Expansion(name, many, ids, guarded, most, below))
    return found


def check_entries(expanded: int) -> None:
    if expanded > MAX_EXPANDED_ENTRIES:
        refuse(
            "expand",
            f"could lead to {expanded} entries, and {MAX_EXPANDED_ENTRIES} is the most: ask for a"
            " lower limit, or give the fields a lower maxItems",
        )
