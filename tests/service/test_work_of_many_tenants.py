# ruff: noqa: S608 - the statements are put together from constants of the tests
"""What is due by itself in one tenant waits for no other one."""

import asyncio

from tests.service.test_content import held
from tests.service.waiting import eventually
from tests.service.world import Desk, Pod, Site, execute, expect

# Longer than a round takes, and less than the waits of two that stand in line for one lock.
_ROUND_SECONDS = 15
_NOTE = {
    "name": "note",
    "displayName": "Note",
    "fields": [{"name": "title", "kind": "text"}, {"name": "slug", "kind": "slug"}],
}


def planned(tenant: str, type_name: str, number: int, due: str) -> str:
    """SQL that makes entries and plans to publish them."""
    return f"""WITH made AS (
        INSERT INTO cms.entries (tenant_id, id, content_type_id, slug, fields)
        SELECT t.tenant_id, gen_random_uuid(), t.id, 's' || n,
               jsonb_build_object('title', 'Planned', 'slug', 's' || n)
        FROM cms.content_types t JOIN cms.tenants o ON o.id = t.tenant_id,
             generate_series(1, {number}) n
        WHERE o.name = '{tenant}' AND t.name = '{type_name}'
        RETURNING tenant_id, id)
    INSERT INTO cms.entry_schedules (tenant_id, entry_id, action, due_at, planner_id, planner_kind)
    SELECT m.tenant_id, m.id, 'publish', {due}, u.id, 'user'
    FROM made m JOIN cms.users u ON u.tenant_id = m.tenant_id"""


async def published(site: Site, tenant: str, type_name: str = "article") -> int:
    (row,) = await site.fetch(
        f"""SELECT count(*) AS entries FROM cms.published_entries p
            JOIN cms.tenants o ON o.id = p.tenant_id
            JOIN cms.content_types t ON t.tenant_id = p.tenant_id AND t.id = p.content_type_id
            WHERE o.name = '{tenant}' AND t.name = '{type_name}'"""
    )
    return int(row["entries"])


def row_of(tenant: str) -> str:
    return f"SELECT FROM cms.tenants WHERE name = '{tenant}' FOR UPDATE"


async def test_hundreds_of_plans_for_one_moment_take_no_other_tenants_turn(
    site: Site, pod: Pod, acme: Desk, globex: Desk
) -> None:
    for desk in (acme, globex):
        await desk.make_type()
    await execute(
        site.postgres,
        site.database,
        planned("acme", "article", 300, "now() - interval '1 minute'"),
        planned("globex", "article", 1, "now()"),
    )
    await pod.cms.background.run_once()
    assert await published(site, "globex") == 1
    assert await published(site, "acme") > 1, "who is alone with much takes the rest of a round"


async def test_plans_of_a_type_that_is_being_changed_hold_up_no_others(
    site: Site, pod: Pod, acme: Desk, globex: Desk
) -> None:
    for desk in (acme, globex):
        await desk.make_type()
    expect(await acme.client.post(f"{acme.root}/content-types", json=_NOTE), 201)
    await execute(
        site.postgres,
        site.database,
        planned("acme", "article", 60, "now() - interval '1 minute'"),
        planned("acme", "note", 1, "now()"),
        planned("globex", "article", 1, "now()"),
    )
    change = "SELECT FROM cms.content_types WHERE name = 'article' AND tenant_id = (SELECT id FROM"
    async with held(site, f"{change} cms.tenants WHERE name = 'acme') FOR UPDATE"):
        for _ in range(2):
            await pod.cms.background.run_once()
        assert await published(site, "globex") == 1
        assert await published(site, "acme", "note") == 1

    async def published_by_now() -> int:
        await pod.cms.background.run_once()
        return await published(site, "acme")

    await eventually(published_by_now, lambda number: number >= 60, "all of acme's plans", 60)


async def test_plans_of_a_tenant_in_which_somebody_writes_for_long_are_left_for_later(
    site: Site, pod: Pod, acme: Desk, globex: Desk
) -> None:
    for desk in (acme, globex):
        await desk.make_type()
    await execute(
        site.postgres,
        site.database,
        planned("acme", "article", 20, "now() - interval '1 minute'"),
        planned("globex", "article", 1, "now()"),
    )
    async with held(site, row_of("acme")), asyncio.timeout(_ROUND_SECONDS):
        await pod.cms.background.run_once()
    assert await published(site, "globex") == 1
    assert await published(site, "acme") == 0


async def test_a_plan_that_meets_an_unforeseen_error_keeps_no_other_from_being_carried_out(
    site: Site, pod: Pod, acme: Desk
) -> None:
    await acme.make_type()
    await execute(
        site.postgres,
        site.database,
        planned("acme", "article", 30, "now()"),
        "UPDATE cms.entries SET fields = '[]' WHERE slug = 's7'",
    )
    await pod.cms.background.run_once()
    assert await published(site, "acme") == 29


async def test_a_bin_that_cannot_be_emptied_yet_keeps_no_other_full(
    site: Site, pod: Pod, acme: Desk, globex: Desk
) -> None:
    for desk in (acme, globex):
        await desk.make_type()
        for number in range(3):
            entry = await desk.draft(title=f"old {number}")
            expect(await desk.client.delete(f"{desk.entries}/{entry['id']}"), 204)
    await execute(
        site.postgres,
        site.database,
        "UPDATE cms.binned_entries SET deleted_at = now() - interval '40 days'",
        """UPDATE cms.binned_entries SET deleted_at = now() - interval '50 days'
           WHERE tenant_id = (SELECT id FROM cms.tenants WHERE name = 'acme')""",
    )
    counter = """SELECT FROM cms.tenant_usage WHERE tenant_id = (
                     SELECT id FROM cms.tenants WHERE name = 'acme') FOR UPDATE"""
    async with held(site, counter), asyncio.timeout(_ROUND_SECONDS):
        await pod.cms.background.run_once()
    left = await site.fetch(
        "SELECT o.name FROM cms.binned_entries b JOIN cms.tenants o ON o.id = b.tenant_id"
    )
    assert [row["name"] for row in left] == ["acme"] * 3
