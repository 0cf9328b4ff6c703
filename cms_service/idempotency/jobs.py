"""Answers are forgotten after their day, in all tenants, whether or not these write again."""

from dataclasses import dataclass

from cms_service.core.postgres.database import Database
from cms_service.idempotency import repository

_AT_ONCE = 500


@dataclass(frozen=True)
class ForgetAnswers:
    database: Database

    async def run_once(self) -> bool:
        tenants = await repository.due(self.database, _AT_ONCE)
        gone = [
            await repository.forget(self.database, tenant_id, _AT_ONCE) for tenant_id in tenants
        ]
        return any(gone)
