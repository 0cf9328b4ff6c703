"""Entries are created by what a pod remembers of their type, and yet never against what the type
is by then.
"""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.service.world import ARTICLE, Desk, Site, expect

_FIELDS = ARTICLE["fields"]
assert isinstance(_FIELDS, list)
TITLE, SLUG, VIEWS = _FIELDS
WORD = {"name": "word", "kind": "text"}


@pytest.fixture
async def elsewhere(acme: Desk, site: Site) -> AsyncIterator[Desk]:
    """The same desk on another pod, which has created an article and remembers the type."""
    await acme.make_type()
    async with site.pod() as pod:
        desk = Desk(pod.client(acme.tokens["accessToken"]), acme.tenant)
        for slug in ("first", "second"):
            await desk.draft(title="Hello", slug=slug)
        yield desk


async def redefine(acme: Desk, *fields: object) -> None:
    body = {"displayName": "Article", "fields": list(fields)}
    url = f"{acme.root}/content-types/article"
    plan = expect(await acme.client.post(f"{url}/plan", json=body), 200)
    expect(await acme.client.put(f"{url}?acknowledge={plan['id']}", json=body), 200)


@pytest.mark.parametrize(
    ("definition", "fields", "status"),
    [
        ((TITLE, SLUG, VIEWS, WORD), {"title": "New", "word": "as well"}, 201),
        ((TITLE, SLUG), {"title": "New", "views": 3}, 422),
        ((TITLE | {"maxLength": 5}, SLUG, VIEWS), {"title": "Too long"}, 422),
        ((TITLE, SLUG, VIEWS | {"default": 7}), {"title": "New"}, 201),
    ],
    ids=["a field is new", "a field is gone", "a field is narrower", "a field has a default"],
)
async def test_a_type_that_was_changed_on_another_pod_holds_at_once(
    acme: Desk,
    elsewhere: Desk,
    definition: tuple[object, ...],
    fields: dict[str, Any],
    status: int,
) -> None:
    await redefine(acme, *definition)
    answer = await elsewhere.client.post(elsewhere.entries, json={"fields": fields})
    made = expect(answer, status)
    here = await acme.client.post(acme.entries, json={"fields": fields})
    same = expect(here, status)
    if status == 201:
        assert made["fields"] == same["fields"]
    else:
        assert made["errors"] == same["errors"]


async def test_an_entry_of_a_type_that_is_gone_is_not_created(acme: Desk, elsewhere: Desk) -> None:
    entries = expect(await acme.client.get(acme.entries), 200)["items"]
    for entry in entries:
        expect(await acme.client.delete(f"{acme.entries}/{entry['id']}"), 204)
        expect(
            await acme.client.delete(f"{acme.root}/content-types/article/bin/{entry['id']}"), 204
        )
    expect(await acme.client.delete(f"{acme.root}/content-types/article"), 204)
    expect(await elsewhere.client.post(elsewhere.entries, json={"fields": {"title": "New"}}), 404)
    await acme.make_type()
    made = await elsewhere.draft(title="New", slug="first")
    assert expect(await acme.client.get(f"{acme.entries}/{made['id']}"), 200) == made


async def test_what_is_answered_is_what_is_there(elsewhere: Desk) -> None:
    made = await elsewhere.draft(title="New", slug="third", views=12)
    assert expect(await elsewhere.client.get(f"{elsewhere.entries}/{made['id']}"), 200) == made
    versions = expect(await elsewhere.client.get(f"{elsewhere.entries}/{made['id']}/versions"), 200)
    assert [each["kind"] for each in versions["items"]] == ["created"]
