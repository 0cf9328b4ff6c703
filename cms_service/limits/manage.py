"""Sets limits. Needs the tables' owner: the service's role may only read them."""

from collections.abc import Mapping
from typing import Any

from cms_service.core.settings.default_limits import DefaultLimits

_SET_TENANT = "SELECT set_config('cms.tenant', $1, true)"
_LOOK_UP = "SELECT id FROM cms.tenant_directory(ARRAY[$1])"
_SET_DEFAULT = """
INSERT INTO cms.limit_defaults (what, most) VALUES ($1, $2)
ON CONFLICT (what) DO UPDATE SET most = excluded.most
"""
_SET = """
INSERT INTO cms.tenant_limits (tenant_id, what, most) VALUES ($1, $2, $3)
ON CONFLICT (tenant_id, what) DO UPDATE SET most = excluded.most
"""
_RESET = "DELETE FROM cms.tenant_limits WHERE tenant_id = $1 AND what = $2"
_READ = """
SELECT d.what, coalesce(l.most, d.most) AS most, l.most IS NOT NULL AS own
FROM cms.limit_defaults d
LEFT JOIN cms.tenant_limits l ON l.tenant_id = $1 AND l.what = d.what
ORDER BY d.what
"""


async def set_defaults(connection: Any, limits: DefaultLimits) -> None:
    async with connection.transaction():
        for what, most in limits.model_dump(by_alias=True).items():
            await connection.execute(_SET_DEFAULT, what, most)


async def change(
    connection: Any, tenant: str, changes: Mapping[str, int | None]
) -> list[str] | None:
    """Changes limits; where one is None the default holds again. Returns the tenant's limits, a
    line each, or None where there is no such tenant.
    """
    async with connection.transaction():
        tenant_id = await connection.fetchval(_LOOK_UP, tenant)
        if tenant_id is None:
            return None
        await connection.execute(_SET_TENANT, str(tenant_id))
        for what, most in changes.items():
            if most is None:
                await connection.execute(_RESET, tenant_id, what)
            else:
                await connection.execute(_SET, tenant_id, what, most)
        rows = await connection.fetch(_READ, tenant_id)
    return [f"{row['what']} {row['most']}{'' if row['own'] else ' (default)'}" for row in rows]
