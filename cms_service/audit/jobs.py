"""Old notes go from the audit log, in all tenants."""

from dataclasses import dataclass

from cms_service.audit.repository import AuditRepository

_NOTES = 1000


@dataclass(frozen=True)
class ShortenAuditLog:
    audit: AuditRepository
    days: int

    async def run_once(self) -> bool:
        return await self.audit.purge(self.days, _NOTES) == _NOTES
