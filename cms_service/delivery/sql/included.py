"""The SQL of many entries, and of those that they refer to: these are read once for all of them,
and yielded once. `composing` puts them wherever they are referred to. Pure.
"""

# ruff: noqa: S608 - constants of this module; field names and values go as parameters

from collections.abc import Sequence
from dataclasses import dataclass

from cms_service.delivery.query.expansions import Expansion
from cms_service.delivery.query.plan import Shape
from cms_service.delivery.sql.items import (
    UNPACKED,
    Rows,
    included_item,
    localised,
    reference,
    shaped_item,
    texts,
    where_it_applies,
)
from cms_service.delivery.sql.parameters import Parameters


@dataclass(frozen=True)
class Shown:
    """What a statement yields. `entries` are arrays of texts: of the entries that are asked for,
    and of those that each expansion leads to; an expansion is followed by those within it.
    `references`, a JSON array, has an item for each of these arrays whose entries have references
    to expand: what each entry refers to, expansion for expansion, and false where the expansion is
    none of its type. `queries` are for the WITH.
    """

    entries: tuple[str, ...]
    references: str = "NULL"
    queries: tuple[str, ...] = ()


def shown(rows: Rows, shape: Shape, parameters: Parameters) -> Shown:
    included = _Included(shape, parameters)
    item = shaped_item(
        rows.alias,
        shape,
        parameters,
        lambda fields: _without(rows.alias, fields, shape.expansions, parameters),
    )
    included.add(rows, item, shape.expansions)
    references = ", ".join(included.references)
    return Shown(
        tuple(included.entries),
        f"json_build_array({references})::text" if references else "NULL",
        tuple(included.queries),
    )


class _Included:
    def __init__(self, shape: Shape, parameters: Parameters) -> None:
        self._shape = shape
        self._parameters = parameters
        self.entries: list[str] = []
        self.references: list[str] = []
        self.queries: list[str] = []

    def add(self, rows: Rows, item: str, expansions: Sequence[Expansion]) -> None:
        self.entries.append(texts(rows, item))
        if not expansions:
            return
        own = ", ".join(_reference(rows.alias, one, self._parameters) for one in expansions)
        self.references.append(
            f"(SELECT json_agg(json_build_array({own}){rows.order}) FROM {rows.source})"
        )
        for expansion in expansions:
            self._include(rows, expansion)

    def _include(self, referring: Rows, expansion: Expansion) -> None:
        name = f"e{len(self.queries)}"
        columns = UNPACKED.format("e") if expansion.inner else "e.*"
        self.queries.append(f"""{name} AS (
    SELECT {columns} FROM cms.published_entries e
    WHERE e.tenant_id = t.id
      AND e.entry_id = ANY (ARRAY({_ids(referring, expansion, self._parameters)})))""")
        fields = localised(name, self._shape, self._parameters)
        fields = _without(name, fields, expansion.inner, self._parameters)
        item = included_item(name, self._shape, fields, self._parameters)
        self.add(Rows(name, name), item, expansion.inner)


def _without(
    alias: str, fields: str, expansions: Sequence[Expansion], parameters: Parameters
) -> str:
    """The fields without those that are expanded. Where an expansion is not for the entry's type,
    its name is null, and a null takes nothing away.
    """
    if not expansions:
        return fields
    names = ", ".join(
        where_it_applies(alias, one, parameters.add(one.field, "text"), "NULL", parameters)
        for one in expansions
    )
    return f"{fields} - ARRAY[{names}]"


def _reference(alias: str, expansion: Expansion, parameters: Parameters) -> str:
    stored = reference(alias, expansion, parameters)
    return where_it_applies(alias, expansion, stored, "'false'", parameters)


def _ids(rows: Rows, expansion: Expansion, parameters: Parameters) -> str:
    """A query for the ids that are referred to. They may repeat: each entry is one row anyway."""
    stored = reference(rows.alias, expansion, parameters)
    if not expansion.many:
        only = f"({stored} #>> '{{}}')::uuid"
        only = where_it_applies(rows.alias, expansion, only, "NULL", parameters)
        return f"SELECT {only} FROM {rows.source}"
    listed = where_it_applies(rows.alias, expansion, stored, "'[]'", parameters)
    return f"""SELECT r.id::uuid FROM (SELECT {listed} AS ids FROM {rows.source}) l
        CROSS JOIN LATERAL jsonb_array_elements_text(l.ids) r(id)"""
