"""Many entries at once: in one request, and in lists of what an editor looks for."""

import asyncio
from secrets import token_hex
from typing import Any

import pytest

from cms_service.core.postgres.bounded import MAX_BYTES
from cms_service.entries import rewriting
from tests.service.test_content import held, statements, until_waiting
from tests.service.test_limits import limit
from tests.service.world import Desk, Pod, Site, expect, expect_problem

# By somebody who does not count it, and takes it back.
_SLUG_TAKEN = """SET LOCAL session_replication_role = replica;
    INSERT INTO cms.entries (tenant_id, id, content_type_id, slug, fields)
    SELECT tenant_id, gen_random_uuid(), id, 'b', '{}' FROM cms.content_types"""


def bulk(desk: Desk, action: str) -> str:
    return f"{desk.root}/content-types/article/bulk/{action}"


async def drafts(desk: Desk, count: int) -> list[str]:
    await desk.make_type()
    items = [{"fields": {"title": str(n), "slug": f"s{n}"}} for n in range(count)]
    made = expect(await desk.client.post(bulk(desk, "create"), json={"items": items}), 200)["items"]
    assert {outcome["status"] for outcome in made} <= {201}
    return [outcome["id"] for outcome in made]


def selected(*ids: str, **options: object) -> dict[str, Any]:
    return {"items": [{"id": entry_id} for entry_id in ids], **options}


async def test_each_entry_of_a_request_has_an_outcome_of_its_own(acme: Desk) -> None:
    good, stale, unfinished = (await drafts(acme, 3))[:3]
    body = {"fields": {"slug": None}}
    expect(await acme.client.patch(f"{acme.entries}/{unfinished}", json=body), 200)
    nobody = "01890000-0000-7000-8000-000000000000"
    wanted = selected(good, nobody, unfinished)
    wanted["items"].append({"id": stale, "version": 7})
    answer = await acme.client.post(bulk(acme, "publish"), json=wanted)
    outcomes = expect(answer, 200)["items"]
    assert [(outcome["id"], outcome["status"]) for outcome in outcomes] == [
        (good, 200),
        (nobody, 404),
        (unfinished, 422),
        (stale, 412),
    ]
    assert outcomes[2]["errors"] == [{"pointer": "/fields/slug", "detail": "is required"}]
    seen = {"X-HCMS-Generation": answer.headers["X-HCMS-Generation"]}
    delivered = expect(await acme.client.get(acme.delivery, headers=seen), 200)["items"]
    assert [entry["id"] for entry in delivered] == [good]

    done = await acme.client.post(bulk(acme, "unpublish"), json=selected(good, stale))
    assert [outcome["status"] for outcome in expect(done, 200)["items"]] == [200, 200]
    done = await acme.client.post(bulk(acme, "delete"), json=selected(good, stale, nobody))
    assert [outcome["status"] for outcome in expect(done, 200)["items"]] == [204, 204, 404]
    left = expect(await acme.client.get(acme.entries), 200)["items"]
    assert [entry["id"] for entry in left] == [unfinished]


LARGE: dict[str, Any] = {
    "name": "article",
    "displayName": "Article",
    "fields": [
        {"name": "slug", "kind": "slug"},
        *({"name": f"t{n}", "kind": "text", "maxLength": 100_000} for n in range(5)),
    ],
}


@pytest.fixture
async def large(acme: Desk) -> list[str]:
    """Entries of which five fit into a page: 450 kB each, every other one hard to compress."""
    expect(await acme.client.post(f"{acme.root}/content-types", json=LARGE), 201)
    texts = ["word " + "x" * 90_000, "word " + token_hex(45_000)]
    return [
        (await acme.draft(slug=f"s{n}", **{f"t{i}": texts[n % 2] for i in range(5)}))["id"]
        for n in range(10)
    ]


async def pages(desk: Desk, url: str, **query: str) -> list[list[str]]:
    found: list[list[str]] = []
    while True:
        answer = await desk.client.get(url, params={"limit": "100", **query})
        page = expect(answer, 200)
        assert len(answer.content) < 1.5 * MAX_BYTES
        found.append([item["id"] for item in page["items"]])
        if page["nextCursor"] is None:
            return found
        query["cursor"] = page["nextCursor"]


async def test_a_page_of_large_entries_is_shorter_and_the_list_goes_on(
    acme: Desk, large: list[str]
) -> None:
    for sort, order in (("createdAt", large), ("-createdAt", large[::-1]), ("slug", large)):
        assert await pages(acme, acme.entries, sort=sort) == [order[:5], order[5:]]
    answer = await acme.client.get(f"{acme.root}/search?q=word&limit=100")
    assert len(expect(answer, 200)["items"]) == 5
    for entry in large:
        expect(await acme.client.delete(f"{acme.entries}/{entry}"), 204)
    url = f"{acme.root}/content-types/article/bin"
    assert await pages(acme, url) == [large[:4:-1], large[4::-1]]


async def test_a_type_of_large_entries_is_changed_few_at_a_time(
    acme: Desk, large: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    batches: list[int] = []
    read = rewriting.read

    async def noted(*args: Any, **options: Any) -> rewriting.Batch:
        batch = await read(*args, **options)
        batches.append(len(batch.rows))
        return batch

    monkeypatch.setattr(rewriting, "read", noted)
    slug, *texts = LARGE["fields"]
    renamed = [text | {"name": f"new_{n}", "renamedFrom": f"t{n}"} for n, text in enumerate(texts)]
    body = {"displayName": "Article", "fields": [slug, *renamed]}
    expect(await acme.client.put(f"{acme.root}/content-types/article", json=body), 200)
    assert batches == [5, 5]
    for entry in large:
        now = expect(await acme.client.get(f"{acme.entries}/{entry}"), 200)
        assert now["fields"].keys() == {"slug", *(f"new_{n}" for n in range(5))}


@pytest.mark.parametrize("action", ["publish", "unpublish", "delete"])
async def test_all_or_nothing_is_nothing_where_one_cannot_be_done(acme: Desk, action: str) -> None:
    ids = await drafts(acme, 3)
    await acme.publish(ids[0])
    before = expect(await acme.client.get(acme.entries), 200)
    wanted = selected(*ids, atomic=True)
    wanted["items"][2]["version"] = 7
    problem = expect_problem(await acme.client.post(bulk(acme, action), json=wanted), 412)
    assert problem["errors"][0]["pointer"] == "/items/2"
    assert expect(await acme.client.get(acme.entries), 200) == before
    del wanted["items"][2]["version"]
    expect(await acme.client.post(bulk(acme, action), json=wanted), 200)


async def test_entries_are_changed_each_as_it_is_asked_for(acme: Desk) -> None:
    ids = await drafts(acme, 4)
    items: list[dict[str, Any]] = [
        {"id": ids[0], "version": 1, "fields": {"views": 7}},
        {"id": ids[1], "fields": {"title": None, "slug": "new"}},
        {"id": ids[2], "version": 7, "fields": {"views": 7}},
        {"id": ids[3], "fields": {"views": -1}},
        {"id": "01890000-0000-7000-8000-000000000000", "fields": {}},
    ]
    answer = await acme.client.post(bulk(acme, "update"), json={"items": items})
    outcomes = expect(answer, 200)["items"]
    assert [outcome["status"] for outcome in outcomes] == [200, 200, 412, 422, 404]
    assert [outcome["version"] for outcome in outcomes] == [2, 2, None, None, None]
    assert outcomes[3]["errors"][0]["pointer"] == "/fields/views"
    fields = [
        expect(await acme.client.get(f"{acme.entries}/{entry_id}"), 200)["fields"]
        for entry_id in ids
    ]
    assert fields == [
        {"title": "0", "slug": "s0", "views": 7},
        {"slug": "new"},
        {"title": "2", "slug": "s2"},
        {"title": "3", "slug": "s3"},
    ]


async def test_entries_are_changed_together_or_not_at_all(acme: Desk) -> None:
    ids = await drafts(acme, 3)
    before = expect(await acme.client.get(acme.entries), 200)
    items: list[dict[str, Any]] = [{"id": each, "fields": {"views": 7}} for each in ids]
    items[2]["fields"] = {"slug": "s0"}
    wanted = {"items": items, "atomic": True}
    problem = expect_problem(await acme.client.post(bulk(acme, "update"), json=wanted), 409)
    assert problem["errors"][0]["pointer"] == "/items/2"
    assert expect(await acme.client.get(acme.entries), 200) == before
    items[0]["fields"] = {"slug": "moved"}
    expect(await acme.client.post(bulk(acme, "update"), json=wanted), 200)
    slugs = [entry["slug"] for entry in expect(await acme.client.get(acme.entries), 200)["items"]]
    assert slugs == ["s0", "s1", "moved"]
    problem = expect_problem(
        await acme.client.post(bulk(acme, "update"), json={"items": items[:1] * 2}), 422
    )
    assert "an entry is named twice" in problem["errors"][0]["detail"]


@pytest.mark.parametrize("headers", [{}, {"Idempotency-Key": "change"}])
@pytest.mark.parametrize("atomic", [False, True])
async def test_changes_of_the_same_entries_in_another_order_lose_nothing(
    acme: Desk, headers: dict[str, str], *, atomic: bool
) -> None:
    ids = await drafts(acme, 20)
    changes: tuple[dict[str, Any], ...] = ({"views": 7}, {"title": "changed"})
    wishes = [
        {"items": [{"id": each, "fields": fields} for each in order], "atomic": atomic}
        for order, fields in zip((ids, ids[::-1]), changes, strict=True)
    ]
    named = [{name: f"{key}-{n}" for name, key in headers.items()} for n in range(2)]
    done = await asyncio.gather(
        *(
            acme.client.post(bulk(acme, "update"), json=wish, headers=own)
            for wish, own in zip(wishes, named, strict=True)
        )
    )
    for answer in done:
        assert {each["status"] for each in expect(answer, 200)["items"]} == {200}
    for entry in expect(await acme.client.get(acme.entries, params={"limit": 100}), 200)["items"]:
        assert (entry["version"], entry["fields"]["views"]) == (3, 7)
        assert entry["fields"]["title"] == "changed"


async def test_entries_are_made_together_or_not_at_all(acme: Desk) -> None:
    await acme.make_type()
    items = [{"fields": {"slug": slug}} for slug in ("a", "b", "a")]
    wanted = {"items": items, "atomic": True}
    problem = expect_problem(await acme.client.post(bulk(acme, "create"), json=wanted), 409)
    assert problem["errors"][0]["pointer"] == "/items/2"
    assert expect(await acme.client.get(acme.entries), 200)["items"] == []
    each = expect(await acme.client.post(bulk(acme, "create"), json={"items": items}), 200)
    assert [outcome["status"] for outcome in each["items"]] == [201, 201, 409]


async def test_requests_that_want_the_same_entries_in_another_order_do_not_block(
    acme: Desk,
) -> None:
    ids = await drafts(acme, 20)
    wishes = [selected(*order, atomic=True) for order in (ids, ids[::-1]) for _ in range(2)]
    done = await asyncio.gather(
        *(acme.client.post(bulk(acme, "publish"), json=wish) for wish in wishes),
        *(acme.client.post(f"{acme.entries}/{entry_id}/publish") for entry_id in ids[:2]),
    )
    assert [answer.status_code for answer in done] == [200] * 6


@pytest.mark.parametrize("atomic", [False, True])
async def test_requests_with_keys_that_want_the_same_entries_in_another_order_do_not_block(
    acme: Desk, *, atomic: bool
) -> None:
    """A key makes one transaction of the whole request."""
    ids = await drafts(acme, 20)
    done = await asyncio.gather(
        *(
            acme.client.post(
                bulk(acme, "publish"),
                json=selected(*order, atomic=atomic),
                headers={"Idempotency-Key": f"publish-{number}"},
            )
            for number, order in enumerate((ids, ids[::-1]))
        )
    )
    for answer in done:
        outcomes = expect(answer, 200)["items"]
        assert [outcome["status"] for outcome in outcomes] == [200] * 20


@pytest.mark.parametrize("atomic", [False, True])
async def test_requests_that_make_the_same_slugs_in_another_order_are_both_answered(
    acme: Desk, *, atomic: bool
) -> None:
    """Each has what the other wants: the database undoes one of them, which is then done again."""
    await acme.make_type()
    items = [{"fields": {"slug": f"s{number}"}} for number in range(20)]
    done = await asyncio.gather(
        *(
            acme.client.post(
                bulk(acme, "create"),
                json={"items": order, "atomic": atomic},
                headers={"Idempotency-Key": f"import-{number}"},
            )
            for number, order in enumerate((items, items[::-1]))
        )
    )
    if atomic:
        first, second = sorted(done, key=lambda answer: answer.status_code)
        expect(first, 200)
        assert "has the slug" in expect_problem(second, 409)["detail"]
    else:
        statuses = [[each["status"] for each in expect(answer, 200)["items"]] for answer in done]
        assert sorted(statuses) == [[201] * 20, [409] * 20]
    slugs = {entry["slug"] for entry in expect(await acme.client.get(acme.entries), 200)["items"]}
    assert slugs == {f"s{number}" for number in range(20)}


@pytest.mark.parametrize("waits", [0, 1.5], ids=["the one is undone", "the many are undone"])
@pytest.mark.parametrize("atomic", [False, True], ids=["with a key", "all or nothing"])
async def test_many_are_made_beside_one_that_takes_the_slug_of_one_of_them(
    site: Site, pod: Pod, acme: Desk, *, atomic: bool, waits: float
) -> None:
    """Each has what the other wants. Who waited for a second first is undone, and done again."""
    await acme.make_type()
    made = statements(pod, "entries.create")
    async with held(site, _SLUG_TAKEN):
        wanted = {"items": [{"fields": {"slug": slug}} for slug in "abc"], "atomic": atomic}
        named = {} if atomic else {"Idempotency-Key": "import-1"}
        many = asyncio.create_task(
            acme.client.post(bulk(acme, "create"), json=wanted, headers=named)
        )
        await until_waiting(site, 1)
        new = {"fields": {"slug": "c"}}
        one = asyncio.create_task(acme.client.post(acme.entries, json=new))
        await until_waiting(site, 2)
        await asyncio.sleep(waits)
    done, single = await many, await one
    assert statements(pod, "entries.create") > made + 4, "nobody waited for the other"
    if atomic:
        assert {done.status_code, single.status_code} in ({200, 409}, {409, 201})
        lost = expect_problem(done if done.status_code == 409 else single, 409)
        assert "has the slug c" in lost["detail"]
    else:
        outcomes = [outcome["status"] for outcome in expect(done, 200)["items"]]
        assert (outcomes, single.status_code) in (([201, 201, 409], 201), ([201] * 3, 409))
    slugs = [entry["slug"] for entry in expect(await acme.client.get(acme.entries), 200)["items"]]
    assert sorted(slugs) == (["c"] if atomic and done.status_code == 409 else ["a", "b", "c"])


async def test_a_request_is_bounded_and_its_roles_are_those_of_each_entry(
    pod: Pod, acme: Desk
) -> None:
    (entry_id,) = await drafts(acme, 1)
    for wrong in (
        selected(),
        selected(entry_id, entry_id),
        selected(*(f"01890000-0000-7000-8000-{n:012}" for n in range(101))),
        selected(entry_id, force=True),
    ):
        expect_problem(await acme.client.post(bulk(acme, "delete"), json=wrong), 422)
    viewer = await pod.log_in("acme", await acme.hire("viewer"))
    for action in ("publish", "unpublish", "delete"):
        answer = await viewer.client.post(bulk(acme, action), json=selected(entry_id))
        expect_problem(answer, 403)


async def test_a_request_that_is_sent_again_is_done_once(acme: Desk) -> None:
    await acme.make_type()
    wanted = {"items": [{"fields": {"slug": "a"}}, {"fields": {"title": 3}}]}
    named = {"Idempotency-Key": "import-1"}
    first, again = [
        await acme.client.post(bulk(acme, "create"), json=wanted, headers=named) for _ in range(2)
    ]
    assert [outcome["status"] for outcome in expect(first, 200)["items"]] == [201, 422]
    assert expect(again, 200) == first.json()
    assert again.headers["Idempotency-Replayed"] == "true"
    assert len(expect(await acme.client.get(acme.entries), 200)["items"]) == 1


@pytest.mark.parametrize("headers", [{}, {"Idempotency-Key": "import-2"}])
async def test_what_a_limit_leaves_room_for_is_done_and_the_rest_is_refused(
    site: Site, acme: Desk, headers: dict[str, str]
) -> None:
    await acme.make_type()
    await limit(site, entries=2)
    wanted: dict[str, Any] = {"items": [{"fields": {}}] * 3}
    answer = await acme.client.post(bulk(acme, "create"), json=wanted, headers=headers)
    outcomes = expect(answer, 200)["items"]
    assert [outcome["status"] for outcome in outcomes] == [201, 201, 403]
    assert outcomes[2]["detail"] == "The tenant may have at most 2 entries."


async def listed(desk: Desk, query: str) -> list[str]:
    """Slugs, page by page."""
    seen, cursor = [], ""
    while cursor is not None:
        url = f"{desk.entries}?limit=2&{query}" + (cursor and f"&cursor={cursor}")
        page = expect(await desk.client.get(url), 200)
        seen += [entry["slug"] for entry in page["items"]]
        cursor = page["nextCursor"]
    return seen


async def test_a_list_is_filtered_and_sorted(pod: Pod, acme: Desk) -> None:
    await acme.make_type()
    editor = await pod.log_in("acme", await acme.hire("editor"))
    b = await acme.publish_new(title="b", slug="b")
    await acme.draft(title="none")
    a = await editor.publish_new(title="a", slug="a")
    c = await editor.draft(title="c", slug="c")
    body = {"fields": {"title": "changed"}}
    changed = expect(await acme.client.patch(f"{acme.entries}/{b['id']}", json=body), 200)

    assert await listed(acme, "status=draft") == ["c", None]
    assert await listed(acme, "status=published") == ["a"]
    assert await listed(acme, "status=changed") == ["b"]
    assert await listed(acme, f"author={a['createdBy']}") == ["c", "a"]
    assert await listed(acme, "slug=a") == ["a"]
    assert await listed(acme, "sort=slug") == [None, "a", "b", "c"]
    assert await listed(acme, "sort=-slug") == ["c", "b", "a", None]
    assert await listed(acme, "sort=createdAt") == ["b", None, "a", "c"]
    assert await listed(acme, "sort=-updatedAt") == ["b", "c", "a", None]
    assert await listed(acme, "sort=updatedAt") == [None, "a", "c", "b"]
    assert await listed(acme, f"updatedSince={changed['updatedAt']}") == ["b"]
    assert await listed(acme, f"updatedUntil={c['updatedAt']}&status=draft") == [None]


async def test_a_list_refuses_what_it_does_not_know(acme: Desk) -> None:
    await acme.make_type()
    for n in range(2):
        await acme.draft(title=str(n))
    for wrong in ("status=deleted", "sort=title", "author=me", "updatedSince=yesterday"):
        expect_problem(await acme.client.get(f"{acme.entries}?{wrong}"), 422)
    page = expect(await acme.client.get(f"{acme.entries}?limit=1&sort=slug"), 200)
    other = f"{acme.entries}?sort=createdAt&cursor={page['nextCursor']}"
    expect_problem(await acme.client.get(other), 400)
    for cursor in ("W10=", "WyJzbHVnIiwgMSwgMl0=", "bnVsbA==", "x"):
        expect_problem(await acme.client.get(f"{acme.entries}?sort=slug&cursor={cursor}"), 400)
