"""The first act of the demo, against a CMS that runs here."""

import asyncio
from pathlib import Path

import httpx

from demo import content
from demo.editor import Credentials
from tests.service.processes import ServeProcess
from tests.service.world import PASSWORD, Site, execute, expect, owner_email

_TIME_HAS_COME = "UPDATE cms.entry_schedules SET due_at = now() WHERE due_at > now()"
_PLANNED = "is to be published at"


async def told(site: Site, address: str) -> tuple[str, list[str]]:
    """The path that it returns, and what it says. The time comes once something waits for it."""
    said: list[str] = []
    owner = Credentials("acme", owner_email("acme"), PASSWORD)
    act = asyncio.create_task(asyncio.to_thread(content.show, address, owner, said.append))
    while not act.done():
        if any(_PLANNED in line for line in said):
            await execute(site.postgres, site.database, _TIME_HAS_COME)
        await asyncio.wait([act], timeout=0.1)
    return act.result(), said


async def test_the_first_act_shows_what_is_there_and_can_be_shown_again(
    site: Site, tmp_path: Path
) -> None:
    environment = site.environment(SCHEDULE_INTERVAL_SECONDS="0.1")
    with ServeProcess(environment, tmp_path / "log") as cms:
        cms.wait_until_ready()
        path, first = await told(site, cms.url)
        other_path, second = await told(site, cms.url)
        async with httpx.AsyncClient(base_url=cms.url) as anybody:
            expect(await anybody.get(path), 200)
            expect(await anybody.get(other_path), 200)
    new = ["  + author: new, 2 fields", "  + article: new, 4 fields"]
    assert [line for line in first if line.startswith("  + ")] == new
    assert "  Nothing to change." in second
    for story, article in ((first, path), (second, other_path)):
        assert story[0] == "logged in as owner@acme.example, the owner of tenant acme"
        *_, published, found, planned, appeared = story
        assert published.endswith(f"{article}: 'Hello, world' by Ada Lovelace, a reference")
        assert found == "a search for 'lovelace' finds author ada-lovelace"
        assert planned.endswith("nobody reads it yet")
        assert appeared.endswith("everybody reads it, and was published once")
