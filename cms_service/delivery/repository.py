from dataclasses import dataclass
from uuid import UUID

from cms_service.core.cursor import Cursor
from cms_service.delivery.databases import DeliveryDatabases
from cms_service.tenants.schemas import TenantState

# One row for a tenant that is there. The content is asked for with the tenant's id, hence after its
# generation was read, and each function sees what is there when it is called: the content is at
# least as new as the generation beside it.
_ENTRY = """
SELECT t.generation, e.entry FROM cms.tenant_directory(ARRAY[$1]) t
LEFT JOIN LATERAL cms.delivery_entry(t.id, $2, $3, $4) AS e(entry) ON true
"""
_LIST = """
SELECT t.generation, l.items, l.next_at, l.next_id FROM cms.tenant_directory(ARRAY[$1]) t
LEFT JOIN LATERAL cms.delivery_list(t.id, $2, $3, $4, $5) l ON true
"""


@dataclass(frozen=True)
class Items:
    """`json` is the array of a page."""

    json: str
    next: Cursor | None


class DeliveryRepository:
    """Reads what is published, as JSON that PostgreSQL has made."""

    def __init__(self, databases: DeliveryDatabases) -> None:
        self._databases = databases

    async def by_id(self, tenant: TenantState, type_name: str, entry_id: UUID) -> str | None:
        return await self._entry(tenant, type_name, entry_id, None)

    async def by_slug(self, tenant: TenantState, type_name: str, slug: str) -> str | None:
        return await self._entry(tenant, type_name, None, slug)

    async def page(
        self, tenant: TenantState, type_name: str, limit: int, after: Cursor | None
    ) -> Items | None:
        """None where there is no such type."""
        at, last_id = (after.at, after.id) if after else (None, None)
        row = await self._databases.fetch_row(
            "delivery.list", _LIST, tenant, type_name, limit, at, last_id
        )
        if row is None or row["items"] is None:
            return None
        next_id = row["next_id"]
        return Items(row["items"], None if next_id is None else Cursor(row["next_at"], next_id))

    async def _entry(
        self, tenant: TenantState, type_name: str, entry_id: UUID | None, slug: str | None
    ) -> str | None:
        row = await self._databases.fetch_row(
            "delivery.entry", _ENTRY, tenant, type_name, entry_id, slug
        )
        return None if row is None else row["entry"]
