from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg

from cms_service.core.errors import OVERTAKEN, Conflict, user_gone
from cms_service.core.postgres.bounded import Rows, bounded
from cms_service.core.postgres.database import Database
from cms_service.core.postgres.redone import redone
from cms_service.core.postgres.statements import Asked
from cms_service.core.postgres.transaction import Transaction
from cms_service.entries import references, statements, unique
from cms_service.entries.drafts import Draft, Save
from cms_service.entries.listing import EntryCursor, Listing
from cms_service.entries.publication import BY_HAND, Occasion, Publication
from cms_service.entries.schemas import Entry, Found, Referrer


@dataclass(frozen=True)
class SearchedTypes:
    """Identifiers of the types all of whose entries are searched (None: every type), and of those
    of which only the author's are.
    """

    all_of: Sequence[UUID] | None
    own_of: Sequence[UUID] = ()
    author: UUID | None = None


class EntryRepository:
    """The write paths of entries: insert, update and undelete save a draft, publish, unpublish and
    delete change what delivery shows. A write returns None where the entry or its type is no
    longer of the version that it names. `within` a transaction it is a part of that.
    """

    def __init__(self, database: Database, versions_kept: int) -> None:
        self.database = database
        self._versions_kept = versions_kept

    async def get(
        self, tenant_id: UUID, type_name: str, entry_id: UUID, within: Transaction | None = None
    ) -> Entry | None:
        rows = await self._query(tenant_id, within, statements.GET, id=entry_id, type=type_name)
        return _entry(rows[0]) if rows else None

    async def page(
        self,
        tenant_id: UUID,
        type_id: UUID,
        limit: int,
        wanted: Listing,
        only_of: UUID | None,
    ) -> Rows[tuple[Entry, EntryCursor]]:
        """Each with the place after it. `only_of`: the user whose entries are asked for, where not
        all are.
        """

        def placed(row: dict[str, Any]) -> tuple[Entry, EntryCursor]:
            key = row.pop("key")
            entry = _entry(row)
            return entry, EntryCursor(wanted.sort, key, entry.id)

        rows = await self.database.query(
            tenant_id,
            statements.LISTS[wanted.sort],
            typeId=type_id,
            onlyOf=only_of,
            limit=limit,
            status=wanted.status,
            author=wanted.author,
            slug=wanted.slug,
            since=wanted.updated_since,
            until=wanted.updated_until,
            key=wanted.after.key if wanted.after else None,
            id=wanted.after.id if wanted.after else None,
        )
        return bounded(rows).map(placed)

    async def search(
        self, tenant_id: UUID, text: str, within: SearchedTypes, limit: int
    ) -> list[Found]:
        """Searches in drafts. The best come first, fewer than `limit` where they are large."""
        rows = await self.database.query(
            tenant_id,
            statements.SEARCH,
            text=text,
            types=within.all_of,
            ownTypes=within.own_of,
            author=within.author,
            limit=limit,
        )
        return bounded(rows).map(Found.model_validate).rows

    async def lock(
        self, transaction: Transaction, type_id: UUID, entry_ids: Sequence[UUID], *, to_delete: bool
    ) -> None:
        """Locks until the transaction ends, and always in the same order: two that want the same
        entries cannot wait for each other.
        """
        statement = statements.LOCK_TO_DELETE if to_delete else statements.LOCK
        await transaction.query(statement, typeId=type_id, ids=entry_ids)

    async def insert(
        self,
        tenant_id: UUID,
        entry_id: UUID,
        draft: Draft,
        save: Save,
        within: Transaction | None = None,
    ) -> Entry | None:
        values = {"id": entry_id, **save.values()}
        rows = await self._write(tenant_id, within, statements.CREATE, draft, values)
        return _entry(rows[0]) if rows else None

    async def update(  # noqa: PLR0913, PLR0917 - the state before, and the one after
        self,
        tenant_id: UUID,
        entry_id: UUID,
        version: int,
        draft: Draft,
        save: Save,
        within: Transaction | None = None,
    ) -> Entry | None:
        values = {"id": entry_id, "version": version, **save.values()}
        rows = await self._write(tenant_id, within, statements.UPDATE, draft, values)
        return _entry(rows[0]) if rows else None

    async def undelete(
        self, tenant_id: UUID, entry_id: UUID, version: int, draft: Draft, save: Save
    ) -> Entry | None:
        values = {"id": entry_id, "version": version, **save.values()}
        rows = await self._write(tenant_id, None, statements.UNDELETE, draft, values)
        return _entry(rows[0]) if rows else None

    async def publish(
        self,
        tenant_id: UUID,
        entry: Entry,
        draft: Draft,
        within: Transaction | None = None,
        occasion: Occasion = BY_HAND,
    ) -> Publication | None:
        values = {"id": entry.id, "version": entry.version, "occasion": dict(occasion)}
        rows = await self._write(tenant_id, within, statements.PUBLISH, draft, values)
        if not rows:
            return None
        generation: int = rows[0].pop("generation")
        return Publication(_entry(rows[0]), generation)

    async def unpublish(
        self,
        tenant_id: UUID,
        entry_id: UUID,
        version: int | None,
        within: Transaction | None = None,
        occasion: Occasion = BY_HAND,
    ) -> int | None:
        """The tenant's new generation; None where the entry was not published."""
        rows = await self._query(
            tenant_id,
            within,
            statements.UNPUBLISH,
            id=entry_id,
            version=version,
            occasion=dict(occasion),
        )
        return rows[0]["generation"] if rows else None

    async def delete(
        self,
        tenant_id: UUID,
        entry: Entry,
        shown: Callable[[Referrer], Referrer] | None,
        within: Transaction | None = None,
    ) -> int | None:
        """Moves the entry to the bin. Returns the tenant's new generation. Raises Conflict where
        published entries refer to it, and tells of these as `shown` makes them; with None they may
        refer to it.
        """
        if within is None:
            return await redone(lambda: self._delete_alone(tenant_id, entry, shown))
        await within.query(statements.LOCK_ONE_TO_DELETE, id=entry.id)
        if shown is not None:
            await references.check_not_referred_to(within, entry.id, shown)
        rows = await self._query(
            tenant_id, within, statements.DELETE, id=entry.id, version=entry.version
        )
        return rows[0]["generation"] if rows else None

    async def _delete_alone(
        self, tenant_id: UUID, entry: Entry, shown: Callable[[Referrer], Referrer] | None
    ) -> int | None:
        async with self.database.transaction(tenant_id) as transaction:
            return await self.delete(tenant_id, entry, shown, transaction)

    async def _write(
        self,
        tenant_id: UUID,
        within: Transaction | None,
        statement: Asked,
        draft: Draft,
        values: Mapping[str, object],
    ) -> list[dict[str, Any]]:
        referred = draft.references
        try:
            return await self._run(
                tenant_id,
                within,
                statement,
                typeId=draft.type.id,
                typeVersion=draft.type.version,
                fields=draft.fields,
                slug=draft.slug,
                claims=draft.claims,
                references=[reference.stored() for reference in referred],
                versionsKept=self._versions_kept,
                **values,
            )
        except asyncpg.UniqueViolationError as error:
            slug_taken = Conflict(f"Another entry has the slug {draft.slug}.")
            raise unique.taken(error) or slug_taken from None
        except asyncpg.ForeignKeyViolationError as error:
            if (problem := references.missing(error, referred)) is not None:
                raise problem from None
            if references.overtaken(error):
                raise Conflict(OVERTAKEN) from None
            # The type is locked by the statement itself, so it is the author that is gone.
            raise user_gone() from None

    async def _query(
        self, tenant_id: UUID, within: Transaction | None, statement: Asked, **values: object
    ) -> list[dict[str, Any]]:
        try:
            return await self._run(tenant_id, within, statement, **values)
        except asyncpg.ForeignKeyViolationError:
            raise user_gone() from None

    async def _run(
        self, tenant_id: UUID, within: Transaction | None, statement: Asked, **values: object
    ) -> list[dict[str, Any]]:
        if within is not None:
            return await within.query(statement, **values)
        return await self.database.query(tenant_id, statement, **values)


def _entry(row: dict[str, Any]) -> Entry:
    return Entry.model_validate(row)
