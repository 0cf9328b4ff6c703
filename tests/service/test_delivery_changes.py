"""Whatever changes what is published shows to the writer at once, to whoever is owed it on any pod,
and to everybody soon after; what is not published shows nowhere.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import httpx
import pytest

from tests.service.test_many_entries import bulk, selected
from tests.service.test_schedules import schedule, time_has_come
from tests.service.waiting import eventually
from tests.service.world import Desk, Pod, Site, expect

OLD, NEW, GONE = "Old", "New", None


@dataclass
class Newspaper:
    """A published article in which every pod has looked."""

    site: Site
    pod: Pod
    desk: Desk
    article: dict[str, Any]

    @property
    def url(self) -> str:
        return f"{self.desk.entries}/{self.article['id']}"

    async def revise(self) -> None:
        body = {"fields": {"title": NEW, "slug": "a"}}
        expect(await self.desk.client.put(self.url, json=body), 200)

    async def post(self, path: str, **body: object) -> httpx.Response:
        answer = await self.desk.client.post(path, json=body or None)
        expect(answer, 200)
        return answer

    async def plan(self, **times: str) -> None:
        await schedule(self.desk, self.article, **times)
        await time_has_come(self.site)
        await self.pod.cms.background.run_once()

    async def take_away(self) -> httpx.Response:
        answer = await self.desk.client.delete(self.url)
        expect(answer, 204)
        return answer


async def published(paper: Newspaper) -> httpx.Response:
    await paper.revise()
    return await paper.post(f"{paper.url}/publish")


async def unpublished(paper: Newspaper) -> httpx.Response:
    return await paper.post(f"{paper.url}/unpublish")


async def put_into_the_bin(paper: Newspaper) -> httpx.Response:
    return await paper.take_away()


async def back_from_the_bin(paper: Newspaper) -> httpx.Response:
    """A draft again, and shown when it is published."""
    bin_url = f"{paper.desk.root}/content-types/article/bin/{paper.article['id']}"
    answer = await paper.take_away()
    expect(await paper.desk.client.post(f"{bin_url}/restore"), 200)
    return answer


async def published_after_the_bin(paper: Newspaper) -> httpx.Response:
    await back_from_the_bin(paper)
    return await published(paper)


async def brought_back_to_a_version(paper: Newspaper) -> httpx.Response:
    await published(paper)
    await paper.post(f"{paper.url}/versions/1/restore")
    return await paper.post(f"{paper.url}/publish")


async def published_with_others(paper: Newspaper) -> httpx.Response:
    await paper.revise()
    return await paper.post(bulk(paper.desk, "publish"), **selected(paper.article["id"]))


async def unpublished_with_others(paper: Newspaper) -> httpx.Response:
    return await paper.post(bulk(paper.desk, "unpublish"), **selected(paper.article["id"]))


async def deleted_with_others(paper: Newspaper) -> httpx.Response:
    wanted = selected(paper.article["id"], atomic=True)
    return await paper.post(bulk(paper.desk, "delete"), **wanted)


async def published_as_planned(paper: Newspaper) -> None:
    await paper.revise()
    await paper.plan(publishAt="2999-01-01T00:00:00Z")


async def unpublished_as_planned(paper: Newspaper) -> None:
    await paper.plan(unpublishAt="2999-01-01T00:00:00Z")


Act = Callable[[Newspaper], Awaitable[httpx.Response | None]]
ACTS: dict[Act, str | None] = {
    published: NEW,
    unpublished: GONE,
    put_into_the_bin: GONE,
    back_from_the_bin: GONE,
    published_after_the_bin: NEW,
    brought_back_to_a_version: OLD,
    published_with_others: NEW,
    unpublished_with_others: GONE,
    deleted_with_others: GONE,
    published_as_planned: NEW,
    unpublished_as_planned: GONE,
}


async def titles(client: httpx.AsyncClient, desk: Desk, headers: dict[str, str]) -> set[str | None]:
    """The titles that every way to the article leads to."""
    one = await client.get(f"{desk.delivery}/a", headers=headers)
    assert one.status_code in {200, 404}
    found = {one.json()["fields"]["title"] if one.is_success else GONE}
    for query in ("", "?filter[slug][eq]=a", "?q=old or new", "?filter[fields.title][in]=Old,New"):
        items = expect(await client.get(desk.delivery + query, headers=headers), 200)["items"]
        found |= {item["fields"]["title"] for item in items} or {GONE}
    return found


@pytest.mark.parametrize("act", ACTS, ids=lambda act: act.__name__)
async def test_every_pod_shows_what_was_done(site: Site, pod: Pod, acme: Desk, act: Act) -> None:
    await acme.make_type()
    article = await acme.publish_new(title=OLD, slug="a")
    await acme.open_to_the_public()
    async with site.pod() as other, other.client() as reader:
        for client in (acme.client, reader):
            assert await titles(client, acme, {}) == {OLD}
        done = await act(Newspaper(site, pod, acme, article))
        if done is not None:
            assert await titles(acme.client, acme, {}) == {ACTS[act]}
            owed = {"X-HCMS-Generation": done.headers["x-hcms-generation"]}
            assert await titles(reader, acme, owed) == {ACTS[act]}
        for client in (acme.client, reader):
            await eventually(
                partial(titles, client, acme, {}),
                lambda shown: shown == {ACTS[act]},
                f"{ACTS[act]} is shown",
            )


async def test_a_write_of_one_tenant_outdates_nothing_of_another(acme: Desk, globex: Desk) -> None:
    for desk in (acme, globex):
        await desk.make_type()
        await desk.publish_new(title=OLD, slug="a")
        expect(await desk.client.get(f"{desk.delivery}/a"), 200)
    await acme.publish_new(title=NEW, slug="b")
    for desk, state in ((acme, "fwd=miss"), (globex, "hit")):
        answer = await desk.client.get(f"{desk.delivery}/a")
        assert answer.headers["cache-status"] == f"headlesscms; {state}"
