"""Delivery remembers the content types until one of them, or the locales, changes: publications
make no pod read them again, and no pod answers by what has changed.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from tests.service.test_content import held, until_waiting
from tests.service.test_content_model import GERMAN
from tests.service.waiting import eventually
from tests.service.world import ARTICLE, Desk, Pod, Site, expect

WORD = {"name": "word", "kind": "text"}
TAG: dict[str, Any] = {
    "name": "tag",
    "displayName": "Tag",
    "fields": [{"name": "title", "kind": "text", "localised": True}],
}


def reads_of_types(pod: Pod) -> int:
    count = r'hcms_db_query_duration_seconds_count\{operation="delivery.types"\} (\d+)'
    found = re.search(count, pod.cms.metrics.render().decode())
    return int(found[1]) if found else 0


async def test_publications_make_nobody_read_the_types_again(pod: Pod, acme: Desk) -> None:
    await acme.make_type()
    for slug in "abc":
        await acme.publish_new(title=slug, slug=slug)
        page = expect(await acme.client.get(f"{acme.delivery}?limit=1"), 200)
        assert page["items"][0]["slug"] == slug
        expect(await acme.client.get(f"{acme.delivery}/{slug}?select=fields.title"), 200)
    await acme.open_to_the_public()
    expect(await acme.client.get(acme.delivery), 200)
    assert reads_of_types(pod) == 1


async def change_type(desk: Desk) -> httpx.Response:
    body = {"displayName": "Article", "fields": [*ARTICLE["fields"], WORD]}
    return await desk.client.put(f"{desk.root}/content-types/article", json=body)


async def delete_type(desk: Desk) -> httpx.Response:
    return await desk.client.delete(f"{desk.root}/content-types/article")


async def make_type_again(desk: Desk) -> httpx.Response:
    await delete_type(desk)
    body = ARTICLE | {"fields": [WORD]}
    return await desk.client.post(f"{desk.root}/content-types", json=body)


async def add_type(desk: Desk) -> httpx.Response:
    body = ARTICLE | {"name": "story"}
    return await desk.client.post(f"{desk.root}/content-types", json=body)


async def add_locales(desk: Desk) -> httpx.Response:
    return await desk.client.put(f"{desk.root}/locales", json=GERMAN)


@dataclass(frozen=True)
class Change:
    """What a list answers before and after it."""

    make: Callable[[Desk], Awaitable[httpx.Response]]
    shown_by: str
    before: int
    after: int


CHANGES = [
    Change(change_type, "article?filter[fields.word][exists]=false", 400, 200),
    Change(delete_type, "article", 200, 404),
    Change(make_type_again, "article?filter[fields.title][exists]=false", 200, 400),
    Change(add_type, "story", 404, 200),
    Change(add_locales, "tag?locale=de", 400, 200),
]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.make.__name__)
async def test_a_change_is_known_to_its_writer_at_once_and_to_everybody_soon(
    site: Site, acme: Desk, change: Change
) -> None:
    for body in (ARTICLE, TAG):
        expect(await acme.client.post(f"{acme.root}/content-types", json=body), 201)
    await acme.open_to_the_public()
    path = f"/v1/delivery/{acme.tenant}/{change.shown_by}"
    async with (
        site.pod() as second,
        site.pod() as third,
        second.client() as owed,
        third.client() as anybody,
    ):
        for client in (acme.client, owed, anybody):
            expect(await client.get(path), change.before)
        done = await change.make(acme)
        assert done.is_success, done.text
        expect(await acme.client.get(path), change.after)
        own = {"X-HCMS-Generation": done.headers["x-hcms-generation"]}
        expect(await owed.get(path, headers=own), change.after)
        await eventually(
            lambda: anybody.get(path),
            lambda answer: answer.status_code == change.after,
            "every pod knows the type as it is now",
        )


@pytest.mark.parametrize(
    "question",
    [
        "?filter[fields.views][gt]=1",
        "?sort=-fields.views",
        "?select=fields.views",
        "/a?select=fields.views",
    ],
)
async def test_no_pod_answers_of_new_content_by_an_older_definition(
    site: Site, acme: Desk, question: str
) -> None:
    await acme.make_type()
    await acme.publish_new(title="Hello", slug="a", views=7)
    await acme.open_to_the_public()
    async with site.pod() as other, other.client() as reader:
        expect(await reader.get(f"{acme.delivery}?sort=fields.views"), 200)
        title, slug, _ = ARTICLE["fields"]
        reads = {"name": "reads", "kind": "number", "renamedFrom": "views"}
        body = {"displayName": "Article", "fields": [title, slug, reads]}
        expect(await acme.client.put(f"{acme.root}/content-types/article", json=body), 200)
        expect(await reader.get(f"{acme.delivery}{question}"), 400)


async def test_values_that_an_older_definition_cannot_read_are_read_by_the_new_one(
    site: Site, acme: Desk
) -> None:
    await acme.make_type()
    await acme.publish_new(title="Hello", slug="a", views=7)
    await acme.open_to_the_public()
    async with site.pod() as other, other.client() as reader:
        expect(await reader.get(f"{acme.delivery}?sort=fields.views"), 200)
        title, slug, _ = ARTICLE["fields"]
        body = {
            "displayName": "Article",
            "fields": [title, slug, {"name": "views", "kind": "text"}],
        }
        expect(await acme.client.put(f"{acme.root}/content-types/article", json=body), 200)
        await acme.publish_new(title="Hello", slug="b", views="very many")
        items = expect(await reader.get(f"{acme.delivery}?sort=-fields.views"), 200)["items"]
        assert [item["fields"]["views"] for item in items] == ["very many", "7"]


async def test_types_locales_and_entries_are_written_at_once_without_a_deadlock(
    site: Site, acme: Desk
) -> None:
    for body in (ARTICLE, TAG):
        expect(await acme.client.post(f"{acme.root}/content-types", json=body), 201)
    entry = await acme.draft(title="Hello", slug="hello")
    publication = acme.client.post(f"{acme.entries}/{entry['id']}/publish")
    async with held(site, "SELECT FROM cms.tenants FOR UPDATE"):
        running = []
        for number, work in enumerate((publication, add_type(acme), add_locales(acme)), 1):
            running.append(asyncio.ensure_future(work))
            await until_waiting(site, number)
        running.append(asyncio.ensure_future(change_type(acme)))
        await until_waiting(site, 4)
    for answer in await asyncio.gather(*running):
        assert answer.is_success, answer.text
    path = f"{acme.delivery}?filter[fields.word][exists]=false&locale=de"
    assert expect(await acme.client.get(path), 200)["items"] != []
