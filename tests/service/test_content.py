# ruff: noqa: PLR0913, PLR0917 - a table has as many columns as it needs
"""Content types, drafts, publishing, and two editors at once."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest

from tests.service.waiting import eventually
from tests.service.world import ARTICLE, Desk, Pod, Site, expect, expect_problem


async def test_an_article_goes_from_type_to_draft_to_the_reader(acme: Desk) -> None:
    await acme.make_type()
    entry = await acme.draft(title="Hello", slug="hello", views=3)
    assert (entry["version"], entry["published"]) == (1, None)
    expect_problem(await acme.client.get(f"{acme.delivery}/hello"), 404)

    published = await acme.publish(entry["id"])
    assert published["published"]["version"] == 1
    delivered = expect(await acme.client.get(f"{acme.delivery}/hello"), 200)
    assert delivered["fields"] == {"title": "Hello", "slug": "hello", "views": 3}


async def test_readers_see_the_published_state_while_the_draft_goes_on(acme: Desk) -> None:
    await acme.make_type()
    entry = await acme.publish_new(title="First", slug="news")
    changed = {"fields": {"title": "Second", "slug": "news-2"}}
    expect(await acme.client.put(f"{acme.entries}/{entry['id']}", json=changed), 200)
    assert expect(await acme.client.get(f"{acme.delivery}/news"), 200)["fields"]["title"] == "First"

    await acme.publish(entry["id"])
    expect_problem(await acme.client.get(f"{acme.delivery}/news"), 404)
    delivered = expect(await acme.client.get(f"{acme.delivery}/news-2"), 200)
    assert (delivered["fields"]["title"], delivered["version"]) == ("Second", 2)


async def test_an_unpublished_or_deleted_entry_is_gone_at_once(acme: Desk) -> None:
    await acme.make_type()
    first, second = [await acme.publish_new(title=slug, slug=slug) for slug in ("one", "two")]
    expect(await acme.client.get(f"{acme.delivery}/one"), 200)
    expect(await acme.client.get(f"{acme.delivery}/two"), 200)
    expect(await acme.client.post(f"{acme.entries}/{first['id']}/unpublish"), 200)
    expect(await acme.client.delete(f"{acme.entries}/{second['id']}"), 204)
    expect_problem(await acme.client.get(f"{acme.delivery}/one"), 404)
    expect_problem(await acme.client.get(f"{acme.delivery}/two"), 404)
    assert expect(await acme.client.get(acme.delivery), 200)["items"] == []


async def test_a_draft_may_be_unfinished_but_cannot_be_published_so(acme: Desk) -> None:
    await acme.make_type()
    entry = await acme.draft(title="No slug yet")
    problem = expect_problem(await acme.client.post(f"{acme.entries}/{entry['id']}/publish"), 422)
    assert problem["errors"] == [{"pointer": "/fields/slug", "detail": "is required"}]


async def test_fields_that_do_not_fit_are_all_named_and_nothing_is_written(acme: Desk) -> None:
    await acme.make_type()
    fields = {"title": 4, "slug": "Not a slug", "views": -1, "author": "unknown field"}
    problem = expect_problem(await acme.client.post(acme.entries, json={"fields": fields}), 422)
    assert [error["pointer"] for error in problem["errors"]] == [
        "/fields/author",
        "/fields/slug",
        "/fields/title",
        "/fields/views",
    ]
    assert expect(await acme.client.get(acme.entries), 200)["items"] == []


async def test_two_entries_cannot_have_one_slug(acme: Desk) -> None:
    await acme.make_type()
    await acme.draft(title="One", slug="same")
    body = {"fields": {"title": "Two", "slug": "same"}}
    expect_problem(await acme.client.post(acme.entries, json=body), 409)


async def test_an_editor_who_saw_an_older_version_is_stopped(acme: Desk) -> None:
    await acme.make_type()
    entry = await acme.draft(title="v1", slug="a")
    url, seen = f"{acme.entries}/{entry['id']}", {"If-Match": '"1"'}
    first = await acme.client.put(url, json={"fields": {"title": "v2"}}, headers=seen)
    assert (expect(first, 200)["version"], first.headers["etag"][:3]) == (2, '"2-')
    late = await acme.client.put(url, json={"fields": {"title": "mine"}}, headers=seen)
    expect_problem(late, 412)
    expect_problem(await acme.client.post(f"{url}/publish", headers=seen), 412)
    expect_problem(await acme.client.delete(url, headers=seen), 412)
    assert expect(await acme.client.get(url), 200)["fields"]["title"] == "v2"


async def test_of_many_writes_at_once_with_the_same_version_one_wins(acme: Desk) -> None:
    await acme.make_type()
    entry = await acme.draft(title="v1", slug="a")
    writes = [
        acme.client.put(
            f"{acme.entries}/{entry['id']}",
            json={"fields": {"title": f"writer {number}"}},
            headers={"If-Match": '"1"'},
        )
        for number in range(8)
    ]
    statuses = sorted(answer.status_code for answer in await asyncio.gather(*writes))
    assert statuses == [200] + [412] * 7


@pytest.mark.parametrize(
    ("method", "act"), [("DELETE", ""), ("POST", "/publish"), ("POST", "/unpublish")]
)
async def test_who_comes_second_with_the_same_version_is_stopped(
    site: Site, acme: Desk, method: str, act: str
) -> None:
    await acme.make_type()
    entry = await acme.publish_new(title="v1", slug="a")
    url, seen = f"{acme.entries}/{entry['id']}", {"If-Match": '"1"'}
    body = {"fields": {"title": "v2", "slug": "a"}}
    async with held(site, "SELECT FROM cms.entries FOR UPDATE"):
        first = asyncio.create_task(acme.client.put(url, json=body, headers=seen))
        await until_waiting(site, 1)
        second = asyncio.create_task(acme.client.request(method, f"{url}{act}", headers=seen))
        await until_waiting(site, 2)
    expect(await first, 200)
    expect_problem(await second, 412)
    assert expect(await acme.client.get(url), 200)["published"]["version"] == 1


async def test_lists_are_read_page_by_page_without_gap_or_double(acme: Desk) -> None:
    await acme.make_type()
    made = [(await acme.publish_new(title=str(n), slug=f"s{n}"))["id"] for n in range(7)]
    for url in (acme.entries, acme.delivery):
        seen: list[str] = []
        cursor: str | None = ""
        while cursor is not None:
            query = f"?limit=3&cursor={cursor}" if cursor else "?limit=3"
            page = expect(await acme.client.get(url + query), 200)
            seen += [item["id"] for item in page["items"]]
            cursor = page["nextCursor"]
        assert seen == made[::-1]


async def test_a_type_with_entries_takes_only_changes_that_leave_them_right(acme: Desk) -> None:
    await acme.make_type()
    await acme.draft(title="Here", slug="here")
    url = f"{acme.root}/content-types/article"
    fields = ARTICLE["fields"]
    assert isinstance(fields, list)
    narrowed = [{"name": "title", "kind": "number"}, *fields[1:]]
    expect_problem(
        await acme.client.put(url, json={"displayName": "Article", "fields": narrowed}), 409
    )
    expect_problem(await acme.client.delete(url), 409)

    wider = [*fields, {"name": "featured", "kind": "boolean"}]
    changed = await acme.client.put(url, json={"displayName": "Article", "fields": wider})
    assert expect(changed, 200)["version"] == 2
    assert (await acme.draft(title="New", slug="new", featured=True))["fields"]["featured"] is True


async def test_a_type_without_entries_can_be_changed_and_deleted(acme: Desk) -> None:
    await acme.make_type()
    url = f"{acme.root}/content-types/article"
    fields = [{"name": "only", "kind": "json"}]
    expect(await acme.client.put(url, json={"displayName": "Other", "fields": fields}), 200)
    assert expect(await acme.client.get(acme.delivery), 200)["items"] == []
    expect(await acme.client.delete(url), 204)
    expect_problem(await acme.client.get(url), 404)
    expect_problem(await acme.client.get(acme.delivery), 404)


ROUTES_BY_ROLE = [
    ("viewer", "GET", "", 200),
    ("viewer", "GET", "/content-types/article/entries", 200),
    ("viewer", "POST", "/content-types/article/entries", 403),
    ("viewer", "GET", "/users", 403),
    ("editor", "POST", "/content-types/article/entries", 201),
    ("editor", "POST", "/content-types", 403),
    ("editor", "PATCH", "", 403),
    ("editor", "POST", "/users", 403),
    ("author", "POST", "/content-types/article/entries", 201),
    ("author", "GET", "/roles", 403),
    ("admin", "POST", "/content-types", 201),
    ("admin", "PATCH", "", 200),
    ("admin", "POST", "/users", 403),
]
BODIES = {
    "/content-types/article/entries": {"fields": {}},
    "/content-types": ARTICLE | {"name": "other"},
    "": {"displayName": "Renamed"},
    "/users": {"email": "x@acme.example", "password": "long enough now", "role": "owner"},
}


@pytest.mark.parametrize(("role", "method", "path", "status"), ROUTES_BY_ROLE)
async def test_a_role_may_do_its_own_work_only(
    pod: Pod, acme: Desk, role: str, method: str, path: str, status: int
) -> None:
    await acme.make_type()
    colleague = await pod.log_in("acme", await acme.hire(role))
    body = None if method == "GET" else BODIES[path]
    answer = await colleague.client.request(method, acme.root + path, json=body)
    assert answer.status_code == status, answer.text


async def test_a_tenant_is_never_left_without_an_owner(acme: Desk) -> None:
    users = f"{acme.root}/users"
    owner = expect(await acme.client.get(users), 200)["items"][0]
    url = f"{users}/{owner['id']}"
    expect_problem(await acme.client.delete(url), 409)
    expect_problem(await acme.client.patch(url, json={"role": "viewer"}), 409)
    second = {"email": "second@acme.example", "password": "long enough now", "role": "owner"}
    expect(await acme.client.post(users, json=second), 201)
    expect(await acme.client.patch(url, json={"role": "viewer"}), 200)


@asynccontextmanager
async def held(site: Site, lock: str) -> AsyncIterator[None]:
    """Whoever wants what `lock` has taken comes to wait for it, in the order of coming."""
    connection = await asyncpg.connect(site.postgres.superuser_url(site.database))
    try:
        await connection.execute(f"BEGIN; {lock}")
        yield
    finally:
        await connection.close()


async def until_waiting(site: Site, number: int) -> None:
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    connection = await asyncpg.connect(site.postgres.superuser_url(site.database))
    try:
        await eventually(
            lambda: connection.fetchval(waiting),
            lambda found: found >= number,
            f"{number} wait for locks",
        )
    finally:
        await connection.close()


def statements(pod: Pod, operation: str) -> int:
    """How often the pod has had it done."""
    count = rf'hcms_db_query_duration_seconds_count\{{operation="{operation}"\}} (\d+)'
    found = re.search(count, pod.cms.metrics.render().decode())
    return int(found[1]) if found else 0


@pytest.mark.parametrize("ways", ["alone", "with others"])
async def test_an_entry_is_published_while_another_begins_to_refer_to_it_without_a_deadlock(
    site: Site, pod: Pod, acme: Desk, ways: str
) -> None:
    """Each would be done again where the other one and it had waited for each other."""
    link = {"name": "link", "kind": "reference", "types": ["article"]}
    body = ARTICLE | {"fields": [*ARTICLE["fields"], link]}
    expect(await acme.client.post(f"{acme.root}/content-types", json=body), 201)
    author = await acme.draft(title="Hello", slug="hello")
    made, published = statements(pod, "entries.create"), statements(pod, "entries.publish")
    async with held(site, "SELECT FROM cms.tenant_usage FOR UPDATE"):
        create = asyncio.create_task(acme.draft(link=author["id"]))
        await until_waiting(site, 1)
        if ways == "alone":
            publish = acme.client.post(f"{acme.entries}/{author['id']}/publish")
        else:
            items = {"items": [{"id": author["id"]}], "atomic": True}
            url = f"{acme.root}/content-types/article/bulk/publish"
            publish = acme.client.post(url, json=items)
        publication = asyncio.create_task(publish)
        await until_waiting(site, 2)
    await create
    expect(await publication, 200)
    assert statements(pod, "entries.create") == made + 1
    assert statements(pod, "entries.publish") == published + 1


async def test_an_entry_is_deleted_and_taken_back_at_once_without_a_deadlock(
    site: Site, acme: Desk
) -> None:
    await acme.make_type()
    entry = await acme.publish_new(title="Hello", slug="hello")
    url = f"{acme.entries}/{entry['id']}"
    async with held(site, "SELECT FROM cms.tenants FOR UPDATE"):
        delete = asyncio.create_task(acme.client.delete(url))
        await until_waiting(site, 1)
        unpublish = asyncio.create_task(acme.client.post(f"{url}/unpublish"))
        await until_waiting(site, 2)
    expect(await delete, 204)
    expect_problem(await unpublish, 404)


async def test_a_write_that_postgres_gives_up_for_another_is_tried_again(
    site: Site, pod: Pod, acme: Desk
) -> None:
    """An editor writes while the owner deletes the editor: each waits for the other."""
    await acme.make_type()
    editor = await pod.log_in("acme", await acme.hire("editor"))
    entry = await editor.draft(title="Mine")
    users = f"{acme.root}/users"
    editor_id = expect(await acme.client.get(users), 200)["items"][0]["id"]
    url, change = f"{acme.entries}/{entry['id']}", {"fields": {"title": "Edited"}}
    expect(await acme.client.put(url, json=change), 200)
    async with held(site, "SELECT FROM cms.entries FOR UPDATE"):
        write = asyncio.create_task(editor.client.put(url, json=change))
        await until_waiting(site, 1)
        delete = asyncio.create_task(acme.client.delete(f"{users}/{editor_id}"))
        await until_waiting(site, 2)
    statuses = (await write).status_code, (await delete).status_code
    assert statuses in {(200, 204), (401, 204)}
