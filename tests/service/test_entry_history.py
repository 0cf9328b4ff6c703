"""Versions, the bin, and what a writer has seen."""

import asyncio
from typing import Any

from tests.service.world import Desk, Pod, Site, execute, expect, expect_problem


def versions_of(desk: Desk, entry: dict[str, Any]) -> str:
    return f"{desk.entries}/{entry['id']}/versions"


async def numbers(desk: Desk, entry: dict[str, Any]) -> list[int]:
    page = expect(await desk.client.get(versions_of(desk, entry) + "?limit=100"), 200)
    return [version["version"] for version in page["items"]]


def bin_of(desk: Desk) -> str:
    return f"{desk.root}/content-types/article/bin"


async def test_what_is_left_out_of_a_patch_stays_and_a_null_takes_away(acme: Desk) -> None:
    await acme.make_type()
    entry = await acme.draft(title="Hello", slug="hello", views=3)
    url = f"{acme.entries}/{entry['id']}"
    patch = {"fields": {"title": "Hello again", "views": None}}
    headers = {"If-Match": '"1"', "Content-Type": "application/merge-patch+json"}
    answer = await acme.client.patch(url, json=patch, headers=headers)
    assert expect(answer, 200)["fields"] == {"title": "Hello again", "slug": "hello"}
    assert answer.headers["etag"].startswith('"2-')
    late = await acme.client.patch(url, json=patch, headers=headers)
    assert expect_problem(late, 412)["detail"] == "The entry is at version 2 by now."
    assert late.headers["etag"] == answer.headers["etag"]
    wrong = {"fields": {"views": "many"}}
    expect_problem(await acme.client.patch(url, json=wrong), 422)


async def test_patches_of_two_fields_at_once_are_both_there_afterwards(acme: Desk) -> None:
    await acme.make_type()
    entry = await acme.draft(title="Hello")
    url = f"{acme.entries}/{entry['id']}"
    patches = [{"slug": "hello"}, {"views": 3}]
    done = await asyncio.gather(
        *(acme.client.patch(url, json={"fields": patch}) for patch in patches)
    )
    assert [answer.status_code for answer in done] == [200, 200]
    fields = expect(await acme.client.get(url), 200)["fields"]
    assert fields == {"title": "Hello", "slug": "hello", "views": 3}


async def test_an_etag_changes_with_whatever_the_answer_says(acme: Desk) -> None:
    await acme.make_type()
    entry = await acme.draft(title="Hello", slug="hello")
    url = f"{acme.entries}/{entry['id']}"
    seen = [(await acme.client.get(url)).headers["etag"]]
    for _ in range(2):
        await acme.publish(entry["id"])
        seen.append((await acme.client.get(url)).headers["etag"])
    assert len(set(seen)) == 3
    # Publication is no edit: who has seen the version may go on.
    body = {"fields": {"title": "Next"}}
    for tag, status in ((seen[1], 200), ('"2"', 200), (seen[2], 412)):
        answer = await acme.client.patch(url, json=body, headers={"If-Match": tag})
        assert answer.status_code == status, tag
    unpublish = await acme.client.post(f"{url}/unpublish", headers={"If-Match": '"1"'})
    expect_problem(unpublish, 412)
    expect(await acme.client.post(f"{url}/unpublish", headers={"If-Match": '"3"'}), 200)


async def test_each_save_is_kept_and_can_be_compared_and_brought_back(acme: Desk) -> None:
    await acme.make_type()
    entry = await acme.draft(title="First", slug="a", views=1)
    url, versions = f"{acme.entries}/{entry['id']}", versions_of(acme, entry)
    await acme.publish(entry["id"])
    expect(await acme.client.put(url, json={"fields": {"title": "Second", "slug": "b"}}), 200)
    newest, first = expect(await acme.client.get(versions), 200)["items"]
    assert (newest["version"], newest["kind"], newest["publishedAt"]) == (2, "saved", None)
    assert (first["version"], first["kind"]) == (1, "created")
    assert first["publishedAt"]
    assert first["publishedBy"] == first["createdBy"] == entry["createdBy"]

    diff = expect(await acme.client.get(f"{versions}/diff?from=1&to=2"), 200)
    assert diff["complete"]
    assert diff["changes"] == [
        {"pointer": "/slug", "kind": "changed", "before": "a", "after": "b"},
        {"pointer": "/title", "kind": "changed", "before": "First", "after": "Second"},
        {"pointer": "/views", "kind": "removed", "before": 1, "after": None},
    ]
    back = expect(await acme.client.post(f"{versions}/1/restore"), 200)
    assert (back["version"], back["fields"]["title"]) == (3, "First")
    assert back["published"]["version"] == 1
    restored = expect(await acme.client.get(f"{versions}/3"), 200)
    assert (restored["kind"], restored["restoredFrom"]) == ("restored", 1)
    expect_problem(await acme.client.get(f"{versions}/9"), 404)
    late = await acme.client.post(f"{versions}/2/restore", headers={"If-Match": '"2"'})
    expect_problem(late, 412)


async def test_versions_are_read_page_by_page(acme: Desk) -> None:
    await acme.make_type()
    entry = await acme.draft(title="0")
    for number in range(4):
        body = {"fields": {"title": str(number)}}
        expect(await acme.client.put(f"{acme.entries}/{entry['id']}", json=body), 200)
    seen, query = [], "?limit=2"
    while query:
        page = expect(await acme.client.get(versions_of(acme, entry) + query), 200)
        seen += [version["version"] for version in page["items"]]
        query = f"?limit=2&cursor={page['nextCursor']}" if page["nextCursor"] else ""
    assert seen == [5, 4, 3, 2, 1]


async def test_what_no_longer_fits_the_type_does_not_come_back(site: Site, acme: Desk) -> None:
    await acme.make_type()
    entry, binned = await acme.draft(title="Hello", views=3), await acme.draft(views=4)
    body = {"fields": {"title": "Hello"}}
    expect(await acme.client.put(f"{acme.entries}/{entry['id']}", json=body), 200)
    expect(await acme.client.delete(f"{acme.entries}/{binned['id']}"), 204)
    await execute(  # as an owner's change of the type would
        site.postgres,
        site.database,
        "UPDATE cms.content_types SET version = version + 1, fields = fields - 2",
    )
    restore = (f"{versions_of(acme, entry)}/1/restore", f"{bin_of(acme)}/{binned['id']}/restore")
    for url in restore:
        problem = expect_problem(await acme.client.post(url), 422)
        assert problem["errors"] == [{"pointer": "/fields/views", "detail": "no such field"}]


async def test_as_many_versions_stay_as_are_wanted_and_the_published_one(
    site: Site, acme: Desk
) -> None:
    await acme.make_type()
    entry = await acme.publish_new(title="In public", slug="a")
    async with site.pod(ENTRY_VERSIONS_KEPT="3") as pod:
        desk = Desk(pod.client(acme.tokens["accessToken"]), "acme")
        url = f"{desk.entries}/{entry['id']}"
        for number in range(5):
            body = {"fields": {"title": str(number), "slug": "a"}}
            expect(await desk.client.put(url, json=body), 200)
        assert await numbers(desk, entry) == [6, 5, 4, 1]
        await desk.publish(entry["id"])
        expect(await desk.client.put(url, json={"fields": {"title": "after"}}), 200)
        assert await numbers(desk, entry) == [7, 6, 5]


async def test_a_deleted_entry_is_in_the_bin_and_comes_back_as_a_draft(acme: Desk) -> None:
    await acme.make_type()
    entry = await acme.publish_new(title="Hello", slug="hello")
    url = f"{acme.entries}/{entry['id']}"
    expect(await acme.client.delete(url), 204)
    expect_problem(await acme.client.get(url), 404)
    expect_problem(await acme.client.get(f"{url}/versions"), 404)
    assert expect(await acme.client.get(acme.entries), 200)["items"] == []
    expect_problem(await acme.client.get(f"{acme.delivery}/hello"), 404)
    (binned,) = expect(await acme.client.get(bin_of(acme)), 200)["items"]
    assert (binned["id"], binned["deletedBy"]) == (entry["id"], entry["createdBy"])
    assert expect(await acme.client.get(f"{bin_of(acme)}/{entry['id']}"), 200) == binned

    back = expect(await acme.client.post(f"{bin_of(acme)}/{entry['id']}/restore"), 200)
    assert (back["version"], back["published"]) == (2, None)
    assert back["fields"] == entry["fields"]
    assert await numbers(acme, entry) == [2, 1]
    assert expect(await acme.client.get(bin_of(acme)), 200)["items"] == []
    expect_problem(await acme.client.post(f"{bin_of(acme)}/{entry['id']}/restore"), 404)


async def test_a_slug_in_the_bin_is_free_and_may_be_taken_when_its_entry_returns(
    acme: Desk,
) -> None:
    await acme.make_type()
    entry = await acme.draft(title="Old", slug="same")
    expect(await acme.client.delete(f"{acme.entries}/{entry['id']}"), 204)
    newer = await acme.draft(title="New", slug="same")
    restore = f"{bin_of(acme)}/{entry['id']}/restore"
    expect_problem(await acme.client.post(restore), 409)
    body = {"fields": {"slug": "other"}}
    expect(await acme.client.patch(f"{acme.entries}/{newer['id']}", json=body), 200)
    expect(await acme.client.post(restore), 200)


async def test_a_purge_is_for_good_and_not_for_everyone(pod: Pod, acme: Desk) -> None:
    await acme.make_type()
    entry = await acme.draft(title="Hello")
    expect(await acme.client.delete(f"{acme.entries}/{entry['id']}"), 204)
    place = f"{bin_of(acme)}/{entry['id']}"
    expect_problem(await acme.client.delete(f"{acme.root}/content-types/article"), 409)
    editor = await pod.log_in("acme", await acme.hire("editor"))
    expect_problem(await editor.client.delete(place), 403)
    expect(await acme.client.delete(place), 204)
    expect_problem(await acme.client.delete(place), 404)
    expect_problem(await acme.client.post(f"{place}/restore"), 404)
    expect(await acme.client.delete(f"{acme.root}/content-types/article"), 204)


async def test_of_two_that_restore_an_entry_one_does(acme: Desk) -> None:
    await acme.make_type()
    entry = await acme.draft(title="Hello")
    expect(await acme.client.delete(f"{acme.entries}/{entry['id']}"), 204)
    restore = f"{bin_of(acme)}/{entry['id']}/restore"
    done = await asyncio.gather(*(acme.client.post(restore) for _ in range(4)))
    statuses = sorted(answer.status_code for answer in done)
    assert statuses[0] == 200
    assert set(statuses[1:]) <= {404, 409}
    assert await numbers(acme, entry) == [2, 1]


async def test_who_is_gone_leaves_no_name_on_anything(pod: Pod, acme: Desk) -> None:
    """A token outlives its user for a while."""
    await acme.make_type()
    editor = await pod.log_in("acme", await acme.hire("editor"))
    entry = await editor.draft(title="Hello", slug="hello")
    expect(await acme.client.delete(f"{acme.root}/users/{entry['createdBy']}"), 204)
    url = f"{acme.entries}/{entry['id']}"
    plan = {"publishAt": "2999-01-01T00:00:00Z"}
    for method, path, body in (
        ("PATCH", url, {"fields": {"title": "x"}}),
        ("POST", f"{url}/publish", None),
        ("PUT", f"{url}/schedule", plan),
        ("DELETE", url, None),
    ):
        expect_problem(await editor.client.request(method, path, json=body), 401)
    assert expect(await acme.client.get(url), 200)["createdBy"] is None


async def test_what_a_release_before_versions_wrote_is_kept_with_the_next_write(
    site: Site, acme: Desk
) -> None:
    await acme.make_type()
    entry = await acme.draft(title="First")
    old_write = """UPDATE cms.entries SET version = version + 1, fields = '{"title": "Second"}'"""
    await execute(site.postgres, site.database, old_write)
    url = f"{acme.entries}/{entry['id']}"
    expect(await acme.client.patch(url, json={"fields": {"title": "Third"}}), 200)
    assert await numbers(acme, entry) == [3, 2, 1]
    second = expect(await acme.client.get(f"{url}/versions/2"), 200)
    assert (second["kind"], second["fields"]) == ("saved", {"title": "Second"})


async def test_a_release_that_knows_no_bin_leaves_no_versions_behind(
    site: Site, acme: Desk
) -> None:
    await acme.make_type()
    await acme.draft(title="Hello")
    await execute(site.postgres, site.database, "DELETE FROM cms.entries")
    assert await site.fetch("SELECT FROM cms.entry_versions") == []
