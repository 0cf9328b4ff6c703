# ruff: noqa: S608 - versions are given by the tests themselves

"""A pod that could break the border between tenants never becomes ready."""

import asyncio
import logging

import pytest

from cms_service.migrations.files import latest_version
from tests.service.patience import PATIENCE
from tests.service.servers import SUPERUSER, SUPERUSER_PASSWORD
from tests.service.waiting import eventually, until
from tests.service.world import (
    OWNER_PASSWORD,
    OWNER_ROLE,
    SERVICE_PASSWORD,
    SERVICE_ROLE,
    Site,
    execute,
    expect,
)


async def blocker_with(site: Site, user: str, password: str, database: str = "") -> str:
    url = site.postgres.url(database or site.database, f"{user}:{password}")
    async with site.pod(DATABASE_URL=url) as pod:
        starting = asyncio.create_task(pod.become_ready())
        async with pod.admin() as admin:

            async def reason() -> str:
                answer: dict[str, str] = expect(await admin.get("/readyz"), 503)
                return answer["reason"]

            told = await eventually(
                reason,
                lambda told: told != "the database has not been checked yet",
                "the database is checked",
            )
        starting.cancel()
        return told


ADVICE = "connect as the service role that the migrations make"
MAY_BYPASS = f"the database role is a superuser or may bypass row-level security: {ADVICE}"
OWNS = f"the database role owns the tables or is a member of their owner: {ADVICE}"


@pytest.mark.parametrize(
    ("attributes", "reason"),
    [
        ("SUPERUSER", MAY_BYPASS),
        ("BYPASSRLS", MAY_BYPASS),
        (f"NOINHERIT IN ROLE {OWNER_ROLE}", OWNS),
    ],
)
async def test_a_role_with_too_much_power_is_refused(
    site: Site, attributes: str, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    create = f"CREATE ROLE too_strong LOGIN PASSWORD 'p' {attributes}"
    await execute(site.postgres, site.database, create)
    try:
        with caplog.at_level(logging.ERROR):
            assert await blocker_with(site, "too_strong", "p") == reason
        assert f"not ready: {reason}" in caplog.messages
    finally:
        await execute(site.postgres, site.database, "DROP ROLE too_strong")


async def test_the_owner_of_the_tables_is_refused(site: Site) -> None:
    assert await blocker_with(site, OWNER_ROLE, OWNER_PASSWORD) == OWNS


async def test_a_superuser_is_refused_even_before_there_is_a_schema(site: Site) -> None:
    reason = await blocker_with(site, SUPERUSER, SUPERUSER_PASSWORD, "postgres")
    assert reason == MAY_BYPASS


async def test_a_database_without_schema_is_named(site: Site) -> None:
    reason = await blocker_with(site, SERVICE_ROLE, SERVICE_PASSWORD, "postgres")
    assert reason.endswith("run the migrations")


async def set_newest_version(site: Site, version: int) -> None:
    newest = "(SELECT max(applied_at) FROM cms.schema_migrations)"
    await execute(
        site.postgres,
        site.database,
        f"UPDATE cms.schema_migrations SET version = {version} WHERE applied_at = {newest}",
    )


async def test_an_older_schema_is_waited_for_and_a_newer_one_is_fine(site: Site) -> None:
    async with site.pod() as pod:
        await set_newest_version(site, 0)
        starting = asyncio.create_task(pod.become_ready())
        await until(
            lambda: "this release needs" in (pod.cms.lifecycle.blocker or ""),
            "the pod waits for the schema",
        )
        await set_newest_version(site, 99)
        await asyncio.wait_for(starting, PATIENCE)
        assert pod.cms.lifecycle.schema_version == 99
    await set_newest_version(site, latest_version())
