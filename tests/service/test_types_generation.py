"""The generation of a tenant's types is raised by whatever writes a type or the locales, without
its knowing, and by nothing else.
"""

from uuid import UUID

import pytest

from tests.service.test_tenant_border import connect, tenant_id
from tests.service.world import SERVICE_PASSWORD, SERVICE_ROLE, Desk, Site

RAISING = {
    "inserted": """INSERT INTO cms.content_types (tenant_id, id, name, display_name, fields)
        SELECT id, gen_random_uuid(), 'story', 'Story', '[]' FROM cms.tenants""",
    "updated": "UPDATE cms.content_types SET version = version + 1",
    "deleted": "DELETE FROM cms.content_types",
    "locales": """UPDATE cms.tenants SET locales =
        '{"default": "de", "locales": [{"code": "de"}]}'""",
    "with the tenant's row": """WITH t AS (
        UPDATE cms.content_types SET version = version + 1 RETURNING tenant_id)
        UPDATE cms.tenants SET generation = cms.next_generation(generation)
        WHERE id = (SELECT tenant_id FROM t)""",
}
OTHERS = {
    "published": "UPDATE cms.tenants SET generation = cms.next_generation(generation)",
    "renamed": "UPDATE cms.tenants SET display_name = 'Another'",
    "the same locales": "UPDATE cms.tenants SET locales = locales",
    "no type": "UPDATE cms.content_types SET version = version + 1 WHERE false",
}


async def generations(site: Site) -> dict[UUID, int]:
    return dict(await site.fetch("SELECT id, types_generation FROM cms.tenants"))


@pytest.mark.parametrize("what", [*RAISING, *OTHERS])
async def test_a_write_raises_it_in_its_own_tenant_where_it_changes_types(
    site: Site, acme: Desk, globex: Desk, what: str
) -> None:
    for desk in (acme, globex):
        await desk.make_type()
    tenant = await tenant_id(site, "acme")
    before = await generations(site)
    connection = await connect(site, SERVICE_ROLE, SERVICE_PASSWORD)
    async with connection.transaction():
        await connection.execute("SELECT set_config('cms.tenant', $1, true)", str(tenant))
        await connection.execute((RAISING | OTHERS)[what])
    await connection.close()
    after = await generations(site)
    assert (after.pop(tenant) > before.pop(tenant)) == (what in RAISING)
    assert after == before
