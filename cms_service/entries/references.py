# ruff: noqa: S608 - the statements are put together from constants of this module
"""Which entries refer to which. The database keeps it beside the entries, in the transaction that
writes them.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any
from uuid import UUID

import asyncpg
import orjson

from cms_service.content_types.fields import BaseField
from cms_service.content_types.fields.kinds import ComponentField, ComponentsField
from cms_service.content_types.fields.reference import ReferenceField, ReferencesField
from cms_service.core.errors import Conflict, FieldError, Invalid
from cms_service.core.paging.cursor import Cursor
from cms_service.core.paging.newest import newest_first, page_values
from cms_service.core.postgres.database import Database
from cms_service.core.postgres.statements import Statement
from cms_service.core.postgres.transaction import Transaction
from cms_service.entries.schemas import Referrer

_MAX_NAMED = 20
_MISSING = "entry_references_missing"

# Made of the rows r (source_id, fields: where it refers) and e, t, p as an entry has them.
_JSON = """jsonb_build_object('id', e.id, 'type', t.name, 'slug', e.slug,
    'createdAt', e.created_at, 'fields', r.fields, 'publishedFields', r.published_fields)"""
_REFERRERS = f"""
    SELECT {_JSON} FROM (
        SELECT source_id, tenant_id,
            coalesce(jsonb_agg(DISTINCT field) FILTER (WHERE NOT published), '[]') AS fields,
            coalesce(jsonb_agg(DISTINCT field) FILTER (WHERE published), '[]') AS published_fields
        FROM (
            SELECT tenant_id, source_id, field, false AS published FROM cms.entry_references
            WHERE target_id = ($1->>'id')::uuid
            UNION ALL
            SELECT tenant_id, source_id, field, true FROM cms.published_references
            WHERE target_id = ($1->>'id')::uuid) AS found
        GROUP BY source_id, tenant_id) AS r
    JOIN cms.entries e ON e.tenant_id = r.tenant_id AND e.id = r.source_id
    JOIN cms.content_types t ON t.tenant_id = e.tenant_id AND t.id = e.content_type_id"""

_PAGE = Statement(
    "references.page",
    f"""{_REFERRERS}
        WHERE {newest_first("e")}""",
)
_IN_PUBLIC = Statement(
    "references.in_public",
    f"""{_REFERRERS}
        WHERE r.published_fields <> '[]' AND e.id <> ($1->>'id')::uuid
        ORDER BY e.created_at DESC, e.id DESC LIMIT ($1->>'limit')::int""",
)


@dataclass(frozen=True)
class Reference:
    """`field` is the path of names, `position` its place among that field's references in the
    whole entry, `pointer` leads to it.
    """

    field: str
    position: int
    target: str
    types: Sequence[str]
    pointer: str

    def stored(self) -> dict[str, object]:
        return {
            "field": self.field,
            "position": self.position,
            "target": self.target,
            "types": self.types,
        }


def references_in(fields: Sequence[BaseField], stored: Mapping[str, Any]) -> list[Reference]:
    found: list[Reference] = []
    positions: dict[str, Iterator[int]] = {}
    for path, field, target, pointer in _walk(fields, stored, (), "/fields"):
        name = ".".join(path)
        position = next(positions.setdefault(name, count()))
        found.append(Reference(name, position, target, field.types, pointer))
    return found


def _walk(
    fields: Sequence[BaseField], stored: Mapping[str, Any], above: tuple[str, ...], place: str
) -> Iterator[tuple[tuple[str, ...], ReferenceField | ReferencesField, str, str]]:
    for field in fields:
        value = stored.get(field.name)
        if value is None:
            continue
        path, pointer = (*above, field.name), f"{place}/{field.name}"
        if isinstance(field, ReferenceField):
            yield path, field, value, pointer
        elif isinstance(field, ReferencesField):
            for position, target in enumerate(value):
                yield path, field, target, f"{pointer}/{position}"
        elif isinstance(field, ComponentField):
            yield from _walk(field.fields, value, path, pointer)
        elif isinstance(field, ComponentsField):
            for position, item in enumerate(value):
                yield from _walk(field.fields, item, path, f"{pointer}/{position}")


def missing(
    error: asyncpg.ForeignKeyViolationError, references: Sequence[Reference]
) -> Invalid | None:
    """None where it is about something else."""
    if error.constraint_name != _MISSING or error.detail is None:
        return None
    errors = tuple(
        FieldError(
            references[index].pointer,
            f"there is no entry of the type {' or '.join(references[index].types)} with this"
            " identifier",
        )
        for index in orjson.loads(error.detail)[:_MAX_NAMED]
    )
    return Invalid("A reference leads nowhere.", errors)


def overtaken(error: asyncpg.ForeignKeyViolationError) -> bool:
    """Whether the target went between the look at it and the reference to it."""
    return error.constraint_name in {"entry_references_target", "published_references_target"}


class ReferenceRepository:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(
        self, tenant_id: UUID, entry_id: UUID, limit: int, after: Cursor | None
    ) -> list[Referrer]:
        """Who refers to the entry, as draft or in public."""
        rows = await self._database.query(
            tenant_id, _PAGE, id=entry_id, **page_values(limit, after)
        )
        return [Referrer.model_validate(row) for row in rows]


async def check_not_referred_to(
    transaction: Transaction, entry_id: UUID, shown: Callable[[Referrer], Referrer]
) -> None:
    """Raises Conflict where a published entry refers to this one; `shown` takes out of the
    referrers what is not to be told. The caller has locked the entry: until the transaction ends
    no other can begin to refer to it.
    """
    rows = await transaction.query(_IN_PUBLIC, id=entry_id, limit=_MAX_NAMED + 1)
    if not rows:
        return
    referrers = [shown(Referrer.model_validate(row)) for row in rows]
    more = " and more" if len(referrers) > _MAX_NAMED else ""
    raise Conflict(
        f"Published entries refer to this one: {len(referrers[:_MAX_NAMED])}{more}. Change them, or"
        " delete with breakReferences=true.",
        tuple(
            FieldError("breakReferences", _described(referrer))
            for referrer in referrers[:_MAX_NAMED]
        ),
    )


def _described(referrer: Referrer) -> str:
    fields = ", ".join(referrer.published_fields)
    return f"{referrer.type}/{referrer.id} refers to it{fields and f' in {fields}'}"
