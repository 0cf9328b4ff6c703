"""Reads and rewrites the entries of a type whose definition changes, in bounded batches. The type
is locked by the caller, so that no entry of it is made, changed or published meanwhile.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from cms_service.content_types.fields import BaseField, slug_of
from cms_service.core.postgres.bounded import bounded
from cms_service.core.postgres.transaction import Transaction
from cms_service.entries import rewriting_statements as statements
from cms_service.entries.references import references_in
from cms_service.entries.unique import claims

# Entries at most, of which fewer are taken where they are large.
BATCH = 200


@dataclass(frozen=True)
class Touched:
    """The fields that change, as they were and as they will be; `every_entry`: whether those that
    have no value in any of them matter too.
    """

    type_id: UUID
    old: Sequence[BaseField]
    new: Sequence[BaseField]
    every_entry: bool

    @property
    def names(self) -> list[str]:
        return sorted({field.name for field in (*self.old, *self.new)})

    @property
    def slugs(self) -> bool:
        return any(field.kind == "slug" for field in (*self.old, *self.new))


@dataclass(frozen=True)
class Row:
    """An entry's values in the fields that change; `published` is None where it is not."""

    id: UUID
    at: str
    fields: Mapping[str, Any]
    published: Mapping[str, Any] | None


@dataclass(frozen=True)
class Batch:
    """`more`: whether there may be another one."""

    rows: Sequence[Row] = ()
    more: bool = True


@dataclass(frozen=True)
class MovedRow:
    id: UUID
    fields: Mapping[str, Any]
    published: Mapping[str, Any] | None


async def count(transaction: Transaction, type_id: UUID) -> int:
    rows = await transaction.query(statements.COUNT, typeId=type_id)
    entries: int = rows[0]["entries"]
    return entries


async def read(transaction: Transaction, touched: Touched, before: Batch, *, lock: bool) -> Batch:
    """The entries after those, the oldest first. With `lock` none of the batch is deleted or
    unpublished meanwhile, and others may refer to it.
    """
    last = before.rows[-1] if before.rows else None
    found = bounded(
        await transaction.query(
            statements.READ_LOCKED if lock else statements.READ,
            typeId=touched.type_id,
            names=touched.names,
            all=touched.every_entry,
            limit=BATCH,
            at=last.at if last else None,
            after=last.id if last else None,
        )
    )
    return Batch(
        [Row(UUID(row["id"]), row["at"], row["fields"], row["published"]) for row in found.rows],
        found.is_cut or len(found.rows) == BATCH,
    )


async def target_types(
    transaction: Transaction, touched: Touched, rows: Sequence[Row]
) -> dict[str, str]:
    """The types of the entries that the rows refer to, by these entries' identifiers. Those in the
    bin count: they may come back.
    """
    values = [values for row in rows for values in (row.fields, row.published) if values]
    ids: Collection[str] = {
        reference.target for one in values for reference in references_in(touched.old, one)
    }
    if not ids:
        return {}
    found = await transaction.query(statements.TARGET_TYPES, ids=sorted(ids))
    return {row["id"]: row["type"] for row in found}


async def begin(transaction: Transaction, touched: Touched) -> None:
    """Has to be called before the first of them is written."""
    await transaction.query(statements.COUNT_AT_THE_END)
    await transaction.query(
        statements.FORGET, typeId=touched.type_id, names=touched.names, slugs=touched.slugs
    )


async def write(transaction: Transaction, touched: Touched, rows: Sequence[MovedRow]) -> None:
    await transaction.query(
        statements.WRITE,
        typeId=touched.type_id,
        names=touched.names,
        slugs=touched.slugs,
        rows=[_written(row, touched.new) for row in rows],
    )


def _written(row: MovedRow, new: Sequence[BaseField]) -> dict[str, object]:
    written: dict[str, object] = {"id": row.id}
    for prefix, name, values in (
        ("", "fields", row.fields),
        ("published_", "published", row.published),
    ):
        if values is not None:
            written |= {
                name: values,
                f"{prefix}slug": slug_of(new, values),
                f"{prefix}claims": claims(new, values),
                f"{prefix}links": [one.stored() for one in references_in(new, values)],
            }
    return written
