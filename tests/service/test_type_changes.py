"""A content type is changed while there is content of it."""

import asyncio
from collections.abc import Sequence
from typing import Any

import asyncpg
import httpx
import pytest

from cms_service.content_types import change_run
from cms_service.content_types.repository import ContentTypeRepository
from cms_service.content_types.schemas import ContentType
from cms_service.core.postgres.transaction import Transaction
from cms_service.entries import rewriting
from cms_service.locales.repository import LocaleRepository
from tests.service.test_content import held, until_waiting
from tests.service.test_limits import limit, measured, usage
from tests.service.world import ARTICLE, Desk, Site, expect, expect_problem

_FIELDS = ARTICLE["fields"]
assert isinstance(_FIELDS, list)
TITLE, SLUG, VIEWS = _FIELDS
WORD = {"name": "word", "kind": "text"}


class Architect:
    """Changes the type article."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.client = desk.client
        self.url = f"{desk.root}/content-types/article"

    async def plan(self, *fields: object) -> Any:
        body = {"displayName": "Article", "fields": list(fields)}
        return expect(await self.client.post(f"{self.url}/plan", json=body), 200)

    async def change(self, *fields: object, status: int = 200, query: str = "") -> Any:
        body = {"displayName": "Article", "fields": list(fields)}
        return expect(await self.client.put(self.url + query, json=body), status)

    async def contents(self) -> list[tuple[Any, Any]]:
        """Drafts, the newest first, each with what is delivered of it."""
        items = expect(await self.client.get(self.desk.entries), 200)["items"]
        public = expect(await self.client.get(self.desk.delivery), 200)["items"]
        delivered = {item["id"]: item["fields"] for item in public}
        return [(item["fields"], delivered.get(item["id"])) for item in items]


@pytest.fixture
async def architect(acme: Desk) -> Architect:
    await acme.make_type()
    return Architect(acme)


def change_of(plan: Any, field: str) -> Any:
    (found,) = [change for change in plan["changes"] if change["field"] == field]
    return found


async def test_a_plan_tells_what_would_be_lost_and_changes_nothing(architect: Architect) -> None:
    short = await architect.desk.publish_new(title="Short", slug="short", views=1)
    long = await architect.desk.draft(title="Much too long", slug="long")
    await architect.desk.publish(long["id"])
    before = await architect.contents()
    plan = await architect.plan(TITLE | {"maxLength": 5}, SLUG, WORD | {"required": True})
    assert (plan["safe"], plan["unchanged"], plan["entries"], plan["misfits"]) == (
        False,
        False,
        2,
        2,
    )
    narrowed, added, removed = (change_of(plan, name) for name in ("title", "word", "views"))
    assert (narrowed["change"], narrowed["renamedFrom"]) == ("narrowed", None)
    assert narrowed["details"] == ["maxLength: 200 → 5"]
    assert [(e["entryId"], e["published"]) for e in narrowed["examples"]] == [(long["id"], True)]
    assert (added["change"], added["misfits"]) == ("added", 2)
    assert "default" in added["advice"]
    assert (removed["change"], removed["misfits"]) == ("removed", 1)
    assert removed["examples"][0]["entryId"] == short["id"]
    assert await architect.contents() == before


async def test_what_loses_content_is_done_only_when_its_plan_is_acknowledged(
    architect: Architect,
) -> None:
    await architect.desk.publish_new(title="Much too long", slug="long", views=1)
    new = (TITLE | {"maxLength": 5}, SLUG)
    before = await architect.contents()
    problem = await architect.change(*new, status=409)
    assert [error["pointer"] for error in problem["errors"]] == ["/fields/title", "/fields/views"]
    plan = await architect.plan(*new)
    assert plan["id"] in problem["detail"]
    await architect.change(*new, status=409, query=f"?acknowledge={'0' * 64}")
    await architect.change(TITLE, SLUG, status=409, query=f"?acknowledge={plan['id']}")
    assert await architect.contents() == before
    changed = await architect.change(*new, query=f"?acknowledge={plan['id']}")
    assert changed["version"] == 2
    assert await architect.contents() == [({"slug": "long"}, {"slug": "long"})]


async def test_an_acknowledged_plan_is_refused_when_the_type_changed_in_between(
    architect: Architect,
) -> None:
    await architect.desk.draft(title="Much too long", slug="long", views=1)
    plan = await architect.plan(TITLE, SLUG)
    await architect.change(TITLE, SLUG, VIEWS, WORD)
    await architect.change(TITLE, SLUG, status=409, query=f"?acknowledge={plan['id']}")


async def test_an_acknowledged_plan_is_refused_when_more_would_be_lost_than_it_said(
    architect: Architect,
) -> None:
    """The plan is read today, and carried out when there is content that nobody thought of."""
    seen = await architect.desk.draft(title="One", views=1)
    plan = await architect.plan(TITLE, SLUG)
    written = [await architect.desk.draft(title="New", views=2) for _ in range(2)]
    query = f"?acknowledge={plan['id']}"
    before = await architect.contents()
    problem = await architect.change(TITLE, SLUG, status=409, query=query)
    assert "3 of 3 entries, more than the acknowledged plan said" in problem["detail"]
    assert await architect.contents() == before
    for entry in written:
        expect(await architect.client.delete(f"{architect.desk.entries}/{entry['id']}"), 204)
    await architect.change(TITLE, SLUG, query=query)
    kept = expect(await architect.client.get(f"{architect.desk.entries}/{seen['id']}"), 200)
    assert kept["fields"] == {"title": "One"}


async def test_a_narrower_field_is_safe_where_everything_fits(architect: Architect) -> None:
    await architect.desk.draft(title="Short", slug="short", views=1)
    new = (TITLE | {"maxLength": 5}, SLUG, VIEWS)
    plan = await architect.plan(*new)
    assert (plan["safe"], change_of(plan, "title")["change"]) == (True, "narrowed")
    await architect.change(*new)


async def test_the_same_definition_changes_nothing(architect: Architect) -> None:
    plan = await architect.plan(TITLE, SLUG, VIEWS)
    assert (plan["unchanged"], plan["safe"], plan["changes"]) == (True, True, [])


async def test_a_renamed_field_keeps_its_values_in_public_too(architect: Architect) -> None:
    await architect.desk.publish_new(title="Hello", slug="hello", views=3)
    renamed = {**VIEWS, "name": "reads", "renamedFrom": "views"}
    (planned,) = (await architect.plan(TITLE, SLUG, renamed))["changes"]
    assert (planned["change"], planned["renamedFrom"]) == ("renamed", "views")
    changed = await architect.change(TITLE, SLUG, renamed)
    assert [field["name"] for field in changed["fields"]] == ["title", "slug", "reads"]
    assert "renamedFrom" not in changed["fields"][2]
    kept = {"title": "Hello", "slug": "hello", "reads": 3}
    assert await architect.contents() == [(kept, kept)]
    assert (await architect.plan(TITLE, SLUG, renamed))["unchanged"]


async def test_a_default_fills_in_for_a_new_required_field(architect: Architect) -> None:
    entry = await architect.desk.publish_new(title="Hello", slug="hello")
    state = {
        "name": "state",
        "kind": "enumeration",
        "values": ["a", "b"],
        "required": True,
        "default": "b",
    }
    fewer = VIEWS | {"maximum": 9}  # which the entry has none of
    assert (await architect.plan(TITLE, SLUG, fewer, state))["safe"]
    await architect.change(TITLE, SLUG, fewer, state)
    kept = {"title": "Hello", "slug": "hello", "state": "b"}
    assert await architect.contents() == [(kept, kept)]
    shown = expect(await architect.client.get(f"{architect.desk.entries}/{entry['id']}"), 200)
    assert shown["version"] == shown["published"]["version"], "no draft has become newer"


async def test_an_editor_who_saw_an_entry_before_its_type_changed_is_stopped(
    architect: Architect,
) -> None:
    """The old fields lack what the change filled in, and would take it away again."""
    entry = await architect.desk.publish_new(title="Hello", slug="hello")
    url = f"{architect.desk.entries}/{entry['id']}"
    seen = as_seen(await architect.client.get(url))
    word = WORD | {"required": True, "default": "filled in"}
    await architect.change(TITLE, SLUG, VIEWS, word)
    old = {"fields": {"title": "Hello, you", "slug": "hello"}}
    problem = expect_problem(await architect.client.put(url, json=old, headers=seen), 412)
    assert problem["detail"] == "The entry has been rewritten by a change of its type."
    for action in ("publish", "unpublish"):
        expect_problem(await architect.client.post(f"{url}/{action}", headers=seen), 412)
    expect_problem(await architect.client.delete(url, headers=seen), 412)
    read = await architect.client.get(url)
    assert expect(read, 200)["fields"]["word"] == "filled in"
    body = {"fields": {"title": "Hello, you"}}
    changed = await architect.client.patch(url, json=body, headers=as_seen(read))
    assert expect(changed, 200)["fields"]["word"] == "filled in"
    published = await architect.client.post(f"{url}/publish", headers=as_seen(changed))
    expect(published, 200)
    expect(await architect.client.delete(url, headers=as_seen(published)), 204)


async def test_an_entry_that_a_type_change_left_as_it_is_may_be_saved_as_it_was_seen(
    architect: Architect,
) -> None:
    entry = await architect.desk.draft(title="Hello")
    url = f"{architect.desk.entries}/{entry['id']}"
    seen = as_seen(await architect.client.get(url))
    await architect.change(TITLE, SLUG, {**VIEWS, "name": "reads", "renamedFrom": "views"}, WORD)
    body = {"fields": {"title": "Hello, you"}}
    expect(await architect.client.put(url, json=body, headers=seen), 200)


def as_seen(answer: httpx.Response) -> dict[str, str]:
    return {"If-Match": answer.headers["etag"]}


async def test_a_field_of_another_kind_keeps_what_can_be_converted(architect: Architect) -> None:
    await architect.desk.publish_new(title="7", slug="hello", views=3)
    await architect.change(
        {"name": "title", "kind": "number"},
        SLUG,
        {"name": "views", "kind": "text", "localised": True},
    )
    kept = {"title": 7, "slug": "hello", "views": {"en": "3"}}
    assert await architect.contents() == [(kept, kept)]


async def test_a_field_that_becomes_unique_leaves_a_value_to_the_oldest(
    architect: Architect,
) -> None:
    for slug in ("one", "two", "three"):
        await architect.desk.publish_new(title="Same" if slug != "three" else "Own", slug=slug)
    new = (TITLE | {"unique": True}, SLUG, VIEWS)
    plan = await architect.plan(*new)
    assert (plan["safe"], plan["misfits"]) == (False, 1)
    await architect.change(*new, query=f"?acknowledge={plan['id']}")
    titles = [draft.get("title") for draft, _ in await architect.contents()]
    assert titles == ["Own", None, "Same"]
    body = {"fields": {"title": "Same"}}
    expect_problem(await architect.client.post(architect.desk.entries, json=body), 409)


async def test_what_was_unique_stays_so_under_another_name(architect: Architect) -> None:
    await architect.change(TITLE, SLUG, WORD | {"unique": True})
    await architect.desk.draft(title="x", word="only")
    await architect.change(TITLE, SLUG, {"name": "term", "kind": "text", "unique": True,
                                         "renamedFrom": "word"})  # fmt: skip
    body = {"fields": {"term": "only"}}
    expect_problem(await architect.client.post(architect.desk.entries, json=body), 409)
    await architect.change(TITLE, SLUG, {"name": "term", "kind": "text"})
    expect(await architect.client.post(architect.desk.entries, json=body), 201)


async def test_entries_are_delivered_by_a_slug_that_was_a_text(architect: Architect) -> None:
    await architect.change(TITLE, WORD)
    for word in ("hello", "Not a slug"):
        await architect.desk.publish_new(title=word, word=word)
    address = {"name": "address", "kind": "slug", "renamedFrom": "word"}
    plan = await architect.plan(TITLE, address)
    assert change_of(plan, "address")["misfits"] == 1
    await architect.change(TITLE, address, query=f"?acknowledge={plan['id']}")
    shown = expect(await architect.client.get(f"{architect.desk.delivery}/hello"), 200)
    assert shown["fields"] == {"title": "hello", "address": "hello"}


async def test_references_follow_their_field(architect: Architect) -> None:
    related = {"name": "related", "kind": "reference", "types": ["article"]}
    await architect.change(TITLE, SLUG, related)
    first = await architect.desk.draft(title="first")
    second = await architect.desk.publish_new(title="second", slug="x", related=first["id"])
    many = {"name": "links", "kind": "references", "types": ["article"], "renamedFrom": "related"}
    await architect.change(TITLE, SLUG, many)
    url = f"{architect.desk.entries}/{first['id']}/referrers"
    (referrer,) = expect(await architect.client.get(url), 200)["items"]
    assert (referrer["id"], referrer["fields"], referrer["publishedFields"]) == (
        second["id"],
        ["links"],
        ["links"],
    )
    assert (await architect.contents())[0][1]["links"] == [first["id"]]


async def test_what_is_referred_to_may_go_while_the_type_changes(
    site: Site, architect: Architect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was in the bin, and does not know of who refers to it until that is saved again."""
    related = {"name": "related", "kind": "reference", "types": ["article"]}
    await architect.change(TITLE, SLUG, related)
    first = await architect.desk.draft(title="first")
    second = await architect.desk.draft(title="second", related=first["id"])
    url = f"{architect.desk.entries}/{first['id']}"
    expect(await architect.client.delete(url), 204)
    expect(await architect.client.post(f"{architect.url}/bin/{first['id']}/restore"), 200)
    write = rewriting.write
    other: Any = await asyncpg.connect(site.postgres.superuser_url(site.database))

    async def while_it_is_deleted(*args: Any) -> None:
        async with other.transaction():
            await other.execute("DELETE FROM cms.entries WHERE id = $1", first["id"])
            writing = asyncio.create_task(write(*args))
            await until_waiting(site, 1)
        await writing

    monkeypatch.setattr(rewriting, "write", while_it_is_deleted)
    try:
        await architect.change(TITLE, SLUG, {**related, "name": "link", "renamedFrom": "related"})
    finally:
        await other.close()
    ((fields, _),) = await architect.contents()
    assert fields == {"title": "second", "link": first["id"]}
    kept = expect(await architect.client.get(f"{architect.desk.entries}/{second['id']}"), 200)
    assert kept["fields"] == fields


@pytest.mark.parametrize("query", ["", "?breakReferences=true"])
async def test_an_entry_that_is_deleted_while_its_type_changes_is_deleted_afterwards(
    site: Site, architect: Architect, monkeypatch: pytest.MonkeyPatch, query: str
) -> None:
    entry = await architect.desk.draft(title="7")
    begin = rewriting.begin
    deletes: list[asyncio.Task[httpx.Response]] = []

    async def while_it_is_deleted(*args: Any) -> None:
        if not deletes:
            delete = architect.client.delete(f"{architect.desk.entries}/{entry['id']}{query}")
            deletes.append(asyncio.create_task(delete))
            await until_waiting(site, 1)
        await begin(*args)

    monkeypatch.setattr(rewriting, "begin", while_it_is_deleted)
    await architect.change({"name": "title", "kind": "number"}, SLUG, VIEWS)
    expect(await deletes[0], 204)
    assert await architect.contents() == []


async def test_what_is_referred_to_is_deleted_while_the_referring_type_changes(
    site: Site, architect: Architect, monkeypatch: pytest.MonkeyPatch
) -> None:
    types = f"{architect.desk.root}/content-types"
    tag = {"name": "tag", "displayName": "Tag", "fields": [TITLE]}
    expect(await architect.client.post(types, json=tag), 201)
    related = {"name": "related", "kind": "reference", "types": ["tag"]}
    await architect.change(TITLE, SLUG, related)
    made = await architect.client.post(f"{types}/tag/entries", json={"fields": {"title": "t"}})
    target = expect(made, 201)["id"]
    await architect.desk.draft(related=target)
    begin = rewriting.begin
    deletes: list[asyncio.Task[httpx.Response]] = []

    async def while_it_is_deleted(*args: Any) -> None:
        await begin(*args)
        if not deletes:
            delete = architect.client.delete(f"{types}/tag/entries/{target}")
            deletes.append(asyncio.create_task(delete))
            await until_waiting(site, 1)

    monkeypatch.setattr(rewriting, "begin", while_it_is_deleted)
    await architect.change(TITLE, SLUG, related | {"name": "link", "renamedFrom": "related"})
    expect(await deletes[0], 204)
    assert await architect.contents() == [({"link": target}, None)]


async def test_a_reference_to_a_type_that_is_no_longer_allowed_is_a_misfit(
    architect: Architect,
) -> None:
    tag = {"name": "tag", "displayName": "Tag", "fields": [TITLE]}
    types = f"{architect.desk.root}/content-types"
    expect(await architect.client.post(types, json=tag), 201)
    related = {"name": "related", "kind": "references", "types": ["article", "tag"]}
    await architect.change(TITLE, SLUG, related)
    first = await architect.desk.draft(title="first")
    made = await architect.client.post(f"{types}/tag/entries", json={"fields": {"title": "t"}})
    await architect.desk.draft(related=[first["id"], expect(made, 201)["id"]])
    new = (TITLE, SLUG, related | {"types": ["article"]})
    plan = await architect.plan(*new)
    assert change_of(plan, "related")["examples"][0]["detail"] == (
        "refers to an entry that is no article"
    )
    await architect.change(*new, query=f"?acknowledge={plan['id']}")
    assert (await architect.contents())[0][0] == {"related": [first["id"]]}


async def test_a_reference_to_what_is_in_the_bin_and_no_longer_allowed_does_not_come_back(
    architect: Architect,
) -> None:
    types = f"{architect.desk.root}/content-types"
    tag = {"name": "tag", "displayName": "Tag", "fields": [TITLE]}
    expect(await architect.client.post(types, json=tag), 201)
    related = {"name": "related", "kind": "references", "types": ["article", "tag"]}
    await architect.change(TITLE, SLUG, related)
    tags = f"{types}/tag/entries"
    binned = expect(await architect.client.post(tags, json={"fields": {"title": "t"}}), 201)["id"]
    await architect.desk.publish_new(title="Hello", slug="a", related=[binned])
    expect(await architect.client.delete(f"{tags}/{binned}"), 409)
    expect(await architect.client.delete(f"{tags}/{binned}?breakReferences=true"), 204)

    new = (TITLE, SLUG, related | {"types": ["article"]})
    plan = await architect.plan(*new)
    assert change_of(plan, "related")["examples"][0]["detail"] == (
        "refers to an entry that is no article"
    )
    await architect.change(*new, query=f"?acknowledge={plan['id']}")
    expect(await architect.client.post(f"{types}/tag/bin/{binned}/restore"), 200)
    expect(await architect.client.post(f"{tags}/{binned}/publish"), 200)
    entry = await architect.client.get(f"{architect.desk.delivery}/a?expand=related")
    assert expect(entry, 200)["fields"]["related"] == []


async def test_content_of_many_batches_is_moved_all_at_once(
    architect: Architect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rewriting, "BATCH", 3)
    for number in range(9):
        await architect.desk.draft(title=f"{number}", views=number)
    plan = await architect.plan({"name": "title", "kind": "number"}, SLUG, VIEWS | {"maximum": 6})
    assert (change_of(plan, "views")["misfits"], plan["entries"]) == (2, 9)
    await architect.change({"name": "title", "kind": "number"}, SLUG, VIEWS)
    assert [draft["title"] for draft, _ in await architect.contents()] == list(range(8, -1, -1))


async def test_a_change_that_would_hold_up_writers_for_long_is_given_up(
    architect: Architect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(change_run, "MAX_SECONDS", 0.0)
    await architect.desk.draft(title="1")
    await architect.desk.draft(title="2")
    problem = await architect.change({"name": "title", "kind": "number"}, SLUG, VIEWS, status=409)
    assert "more entries than" in problem["detail"]
    assert [draft["title"] for draft, _ in await architect.contents()] == ["2", "1"]


async def test_an_entry_that_is_written_while_its_type_changes_fits_the_new_type(
    site: Site, architect: Architect
) -> None:
    """The change waits in its transaction; the writer waits for the change."""
    await architect.desk.draft(title="Hello")
    entries = architect.desk.entries
    async with held(site, "SELECT FROM cms.tenants FOR UPDATE"):
        change = asyncio.create_task(
            architect.change(TITLE, SLUG, {**VIEWS, "name": "reads", "renamedFrom": "views"})
        )
        await until_waiting(site, 1)
        write = asyncio.create_task(architect.client.post(entries, json={"fields": {"views": 1}}))
        await until_waiting(site, 2)
    await change
    expect_problem(await write, 422)
    expect(await architect.client.post(entries, json={"fields": {"reads": 1}}), 201)


READS = {**VIEWS, "name": "reads", "renamedFrom": "views"}
NEEDED = WORD | {"required": True}


@pytest.mark.parametrize(
    ("method", "act", "fields"),
    [("PUT", "", (TITLE, SLUG, READS)), ("POST", "/publish", (TITLE, SLUG, VIEWS, NEEDED))],
)
async def test_what_waits_for_a_change_of_its_type_has_to_fit_the_new_one(
    site: Site, architect: Architect, method: str, act: str, fields: Sequence[object]
) -> None:
    values = {"title": "A", "slug": "a", "views": 1}
    entry = await architect.desk.draft(**values)
    url = f"{architect.desk.entries}/{entry['id']}"
    body = None if act else {"fields": values}
    async with held(site, "SELECT FROM cms.tenants FOR UPDATE"):
        change = asyncio.create_task(architect.change(*fields))
        await until_waiting(site, 1)
        write = asyncio.create_task(
            architect.client.request(method, f"{url}{act}", json=body, headers={"If-Match": '"1"'})
        )
        await until_waiting(site, 2)
    await change
    expect_problem(await write, 422)
    assert expect(await architect.client.get(url), 200)["published"] is None


@pytest.fixture
async def news(acme: Desk) -> str:
    """The entries of another type, which may refer to articles."""
    link = {"name": "link", "kind": "reference", "types": ["article"]}
    body = {"name": "news", "displayName": "News", "fields": [TITLE, link]}
    expect(await acme.client.post(f"{acme.root}/content-types", json=body), 201)
    return f"{acme.root}/content-types/news/entries"


async def test_other_types_are_written_and_published_while_a_type_changes(
    site: Site, architect: Architect, news: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The change is in its middle: it has moved entries, and goes on when all that is done."""
    client = architect.client
    first = await architect.desk.publish_new(title="1", slug="one")
    await architect.desk.publish_new(title="2", slug="two")
    monkeypatch.setattr(rewriting, "BATCH", 1)
    write, steps = rewriting.write, 0

    async def between(*args: Any) -> None:
        nonlocal steps
        await write(*args)
        steps += 1
        body = {"fields": {"title": "x" * 50, "link": first["id"]}}
        url = f"{news}/{expect(await client.post(news, json=body), 201)['id']}"
        expect(await client.post(f"{url}/publish"), 200)
        expect(await client.post(f"{url}/unpublish"), 200)
        expect(await client.delete(url), 204)

    monkeypatch.setattr(rewriting, "write", between)
    renamed = {**TITLE, "name": "headline", "renamedFrom": "title"}
    await architect.change(renamed, SLUG, VIEWS)
    assert steps == 2
    assert await usage(architect.desk) == await measured(site)


async def test_a_change_that_makes_content_too_large_is_refused_as_any_write(
    site: Site, architect: Architect
) -> None:
    entry = await architect.desk.draft(title="Hello", slug="hello")
    await limit(site, bytes=(await usage(architect.desk))["bytes"])
    before = await architect.contents()
    word = WORD | {"required": True, "default": "x" * 50}
    problem = await architect.change(TITLE, SLUG, VIEWS, word, status=403)
    assert problem["type"] == "urn:headlesscms:problem:limit-reached"
    assert await architect.contents() == before
    await limit(site, bytes=None)
    await architect.change(TITLE, SLUG, VIEWS, word)
    assert await usage(architect.desk) == await measured(site)
    expect(await architect.client.delete(f"{architect.desk.entries}/{entry['id']}"), 204)
    assert await usage(architect.desk) == await measured(site)


async def test_two_types_that_refer_to_each_other_are_changed_at_once(
    architect: Architect, news: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each has its own type when it asks for the other one."""
    lock, both = ContentTypeRepository.lock, asyncio.Barrier(2)
    begun: set[str] = set()

    async def locked(
        self: ContentTypeRepository, transaction: Transaction, name: str
    ) -> ContentType | None:
        found = await lock(self, transaction, name)
        if name not in begun:
            begun.add(name)
            await both.wait()
        return found

    monkeypatch.setattr(ContentTypeRepository, "lock", locked)
    link = {"name": "link", "kind": "reference", "types": ["article"]}
    body = {"displayName": "The News", "fields": [TITLE, link]}
    await asyncio.gather(
        architect.change(TITLE, SLUG, {"name": "news", "kind": "reference", "types": ["news"]}),
        changed(architect, news.removesuffix("/entries"), body),
    )


async def changed(architect: Architect, url: str, body: dict[str, Any]) -> Any:
    return expect(await architect.client.put(url, json=body), 200)


async def test_locales_and_a_type_are_changed_at_once(
    site: Site, architect: Architect, news: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The locales have the older type and ask for the younger one, whose change asks for it."""
    lock, locales = ContentTypeRepository.lock, f"{architect.desk.root}/locales"
    both: list[asyncio.Task[Any]] = []

    async def locked(
        self: ContentTypeRepository, transaction: Transaction, name: str
    ) -> ContentType | None:
        found = await lock(self, transaction, name)
        if not both:
            body = {"default": "en", "locales": [{"code": "en"}, {"code": "de"}]}
            both.append(asyncio.create_task(changed(architect, locales, body)))
            await until_waiting(site, 1)
        return found

    monkeypatch.setattr(ContentTypeRepository, "lock", locked)
    link = {"name": "link", "kind": "reference", "types": ["article"]}
    body = {"displayName": "The News", "fields": [TITLE, link]}
    await changed(architect, news.removesuffix("/entries"), body)
    await both[0]


async def test_a_field_that_becomes_localised_waits_for_the_locales_and_takes_the_new_ones(
    site: Site, architect: Architect, monkeypatch: pytest.MonkeyPatch
) -> None:
    await architect.desk.publish_new(title="Hallo", slug="hallo")
    touch, locales = LocaleRepository.touch_types, f"{architect.desk.root}/locales"
    waiting: list[asyncio.Task[Any]] = []

    async def touched(
        self: LocaleRepository, transaction: Transaction, type_ids: Sequence[str]
    ) -> None:
        await touch(self, transaction, type_ids)
        change = architect.change({**TITLE, "localised": True}, SLUG)
        waiting.append(asyncio.create_task(change))
        await until_waiting(site, 1)

    monkeypatch.setattr(LocaleRepository, "touch_types", touched)
    await changed(architect, locales, {"default": "de", "locales": [{"code": "de"}]})
    await waiting[0]
    (entry,) = expect(await architect.client.get(architect.desk.entries), 200)["items"]
    assert entry["fields"]["title"] == {"de": "Hallo"}
    as_read = {"fields": entry["fields"]}
    expect(await architect.client.put(f"{architect.desk.entries}/{entry['id']}", json=as_read), 200)


async def test_two_changes_at_once_with_the_same_version_one_wins(architect: Architect) -> None:
    body = {"displayName": "Article", "fields": [TITLE, SLUG, VIEWS, WORD]}
    changes = [
        architect.client.put(architect.url, json=body, headers={"If-Match": '"1"'})
        for _ in range(4)
    ]
    statuses = sorted(answer.status_code for answer in await asyncio.gather(*changes))
    assert statuses == [200, 412, 412, 412]


async def test_readers_see_the_new_content_at_once(architect: Architect) -> None:
    await architect.desk.open_to_the_public()
    await architect.desk.publish_new(title="Hello", slug="hello", views=3)
    url = f"{architect.desk.delivery}/hello"
    expect(await architect.client.get(url), 200)
    await architect.change(TITLE, SLUG, {**VIEWS, "name": "reads", "renamedFrom": "views"})
    assert expect(await architect.client.get(url), 200)["fields"]["reads"] == 3
