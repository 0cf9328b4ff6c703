"""Changes of who may do what: this pod knows of them at once, every other one within a second."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from cms_service.auth.actor import Actor
from cms_service.core.postgres.database import Database
from cms_service.core.postgres.statements import Statement
from cms_service.core.postgres.transaction import Transaction
from cms_service.tenants.directory import TenantDirectory

_ACCESS_GENERATION = Statement(
    "tenants.access_generation",
    "SELECT jsonb_build_object('access', t.access_generation) FROM cms.tenants t",
)


class AccessChanges:
    def __init__(self, database: Database, directory: TenantDirectory) -> None:
        self._database = database
        self._directory = directory

    @asynccontextmanager
    async def of(self, actor: Actor) -> AsyncIterator[Transaction]:
        """A transaction whose changes of users, roles or keys move the access generation on."""
        async with self._database.transaction(actor.tenant_id) as transaction:
            yield transaction
            rows = await transaction.query(_ACCESS_GENERATION)
        self._directory.note_access_change(actor.tenant_name, rows[0]["access"])
