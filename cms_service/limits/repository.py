from uuid import UUID

from cms_service.core.postgres.database import Database
from cms_service.core.postgres.statements import Statement
from cms_service.limits.schemas import Usage

# A tenant that has written nothing since its writes are counted is measured.
_USAGE = Statement(
    "limits.usage",
    """WITH u AS (
           SELECT what, used FROM cms.tenant_usage
           UNION ALL
           SELECT what, used FROM cms.measured_usage(($1->>'tenant')::uuid)
           WHERE NOT EXISTS (SELECT FROM cms.tenant_usage))
       SELECT jsonb_build_object('answerBytes', jsonb_build_object(
           'used', cms.kept_answer_bytes(),
           'limit', cms.answer_bytes_limit(($1->>'tenant')::uuid)))
           || jsonb_object_agg(u.what, jsonb_build_object(
               'used', u.used, 'limit', coalesce(l.most, d.most)))
       FROM u
       LEFT JOIN cms.tenant_limits l ON l.what = u.what
       LEFT JOIN cms.limit_defaults d ON d.what = u.what""",
)


class LimitRepository:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def usage(self, tenant_id: UUID) -> Usage:
        return Usage.model_validate((await self._database.query(tenant_id, _USAGE))[0])
