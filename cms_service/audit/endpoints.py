# ruff: noqa: PLR0913, PLR0917 - FastAPI wants one parameter for each thing that a request says
from typing import Annotated

from fastapi import APIRouter, Depends, Query

from cms_service.audit.repository import AuditFilter, AuditRepository
from cms_service.audit.schemas import AuditEntry
from cms_service.auth.access import requires
from cms_service.auth.actor import Actor
from cms_service.auth.permissions import Permission
from cms_service.core.endpoints.dependencies import provide
from cms_service.core.endpoints.strict_route import StrictRoute
from cms_service.core.paging.pages import After, LimitQuery, page_of
from cms_service.core.validation.exact import Identifier, Moment
from cms_service.core.validation.schemas import Page

router = APIRouter(
    prefix="/v1/tenants/{tenant}/audit-log", tags=["audit log"], route_class=StrictRoute
)
Log = Annotated[AuditRepository, Depends(provide(AuditRepository))]
Reader = Annotated[Actor, Depends(requires(Permission.READ_AUDIT_LOG))]
Word = Annotated[str | None, Query(pattern=r"^[a-z-]{1,40}$")]


async def _filter(
    actor: Identifier | None = None,
    action: Word = None,
    object_kind: Annotated[Word, Query(alias="objectKind")] = None,
    object_id: Annotated[Identifier | None, Query(alias="objectId")] = None,
    since: Moment | None = None,
    until: Moment | None = None,
) -> AuditFilter:
    return AuditFilter(actor, object_id, action, object_kind, since, until)


@router.get("")
async def list_audit_log(
    actor: Reader,
    log: Log,
    wanted: Annotated[AuditFilter, Depends(_filter)],
    after: After,
    limit: LimitQuery = 20,
) -> Page[AuditEntry]:
    """Who did what to which object and when, the newest first."""
    entries = await log.page(actor.tenant_id, wanted, limit + 1, after)
    return page_of(entries, limit, lambda entry: (entry.at, entry.id))
