"""What an entry was before its type changed is for nobody who may not read it today."""

from typing import Any

import pytest

from tests.service.test_people import hired, make_role
from tests.service.test_type_changes import SLUG, TITLE, VIEWS, Architect
from tests.service.world import Desk, Pod, Site, execute, expect, expect_problem

EDIT = {"permissions": ["entries:read", "entries:create", "entries:update"]}


def hidden(*names: str, of: str = "fields") -> dict[str, Any]:
    return {"permissions": ["entries:read", "entries:update"], of: list(names), "deny": True}


@pytest.fixture
async def architect(acme: Desk) -> Architect:
    await acme.make_type()
    return Architect(acme)


async def helper_of(pod: Pod, owner: Desk, *rules: dict[str, Any]) -> Desk:
    await make_role(owner, *rules)
    return (await hired(pod, owner, "helper"))[0]


async def test_a_restore_over_a_rename_takes_no_field_from_the_draft(
    pod: Pod, acme: Desk, architect: Architect
) -> None:
    entry = await acme.draft(title="First", slug="a", views=41)
    await architect.change(TITLE, SLUG, {**VIEWS, "name": "reads", "renamedFrom": "views"})
    helper = await helper_of(pod, acme, EDIT, hidden("price"))
    url = f"{acme.entries}/{entry['id']}"
    problem = expect_problem(await helper.client.post(f"{url}/versions/1/restore"), 403)
    assert "may not see all that this version holds" in problem["detail"]
    assert "views" not in str(problem)
    owners = expect_problem(await acme.client.post(f"{url}/versions/1/restore"), 422)
    assert owners["errors"] == [{"pointer": "/fields/views", "detail": "no such field"}]
    kept = expect(await acme.client.get(url), 200)["fields"]
    assert kept == {"title": "First", "slug": "a", "reads": 41}


@pytest.mark.usefixtures("architect")
async def test_a_restore_leaves_nothing_that_the_version_had_not_without_a_word(
    pod: Pod, acme: Desk
) -> None:
    entry = await acme.draft(title="First")
    url = f"{acme.entries}/{entry['id']}"
    body = {"fields": {"title": "Second", "views": 7}}
    expect(await acme.client.put(url, json=body), 200)
    only_read = {"permissions": ["entries:update"], "fields": ["views"], "deny": True}
    helper = await helper_of(pod, acme, EDIT, only_read)
    problem = expect_problem(await helper.client.post(f"{url}/versions/1/restore"), 403)
    assert [error["pointer"] for error in problem["errors"]] == ["/fields/views"]
    assert expect(await acme.client.get(url), 200)["fields"] == body["fields"]


async def past_of(desk: Desk, entry: Any, binned: Any) -> list[Any]:
    """The fields of the first version, and of what is in the bin."""
    bin_url = f"{desk.root}/content-types/article/bin"
    paths = (f"{desk.entries}/{entry['id']}/versions/1", f"{bin_url}/{binned['id']}")
    seen = [expect(await desk.client.get(path), 200)["fields"] for path in paths]
    (listed,) = expect(await desk.client.get(bin_url), 200)["items"]
    return [*seen, listed["fields"]]


LIKES = {"name": "likes", "kind": "number"}


def renamed(field: dict[str, Any], name: str) -> dict[str, Any]:
    return {**field, "name": name, "renamedFrom": field["name"]}


READS = {**VIEWS, "name": "reads"}


@pytest.mark.parametrize(
    ("changes", "denied"),
    [
        ([(renamed(VIEWS, "reads"), LIKES), (READS, LIKES, VIEWS)], "reads"),
        (
            [
                (renamed(VIEWS, "reads"), LIKES),
                (READS, renamed(LIKES, "views")),
                (renamed(READS, "likes"), {**LIKES, "name": "views"}),
            ],
            "likes",
        ),
        ([(LIKES,), (LIKES, VIEWS)], "price"),
    ],
    ids=["another field takes the name", "two fields swap their names", "it is made anew"],
)
async def test_the_past_of_a_denied_field_is_not_that_of_the_next_with_its_name(
    pod: Pod, acme: Desk, architect: Architect, changes: list[tuple[Any, ...]], denied: str
) -> None:
    await architect.change(TITLE, VIEWS, LIKES)
    drafts = [await acme.draft(title="First", views=41, likes=7) for _ in range(2)]
    expect(await acme.client.delete(f"{acme.entries}/{drafts[1]['id']}"), 204)
    role = [EDIT, {"permissions": ["entries:delete"]}]
    helper = await helper_of(pod, acme, *role, hidden("views"))
    for fields in changes:
        plan = await architect.plan(TITLE, *fields)
        await architect.change(TITLE, *fields, query=f"?acknowledge={plan['id']}")
    body = {"displayName": "Helper", "rules": [*role, hidden(denied)]}
    expect(await acme.client.put(f"{acme.root}/roles/helper", json=body), 200)

    for seen in await past_of(helper, *drafts):
        assert (seen["title"], "views" in seen) == ("First", False)
    for path in (f"entries/{drafts[0]['id']}/versions/1", f"bin/{drafts[1]['id']}"):
        answer = await helper.client.post(f"{architect.url}/{path}/restore")
        problem = expect_problem(answer, 403)
        assert "may not see all" in problem["detail"]
        assert "views" not in str(problem)
    for seen in await past_of(acme, *drafts):
        assert seen == {"title": "First", "views": 41, "likes": 7}, "who sees everything sees it"


async def test_an_older_release_that_changes_a_type_notes_its_fields_as_well(
    site: Site, acme: Desk
) -> None:
    await acme.make_type()
    write = "UPDATE cms.content_types SET version = version + 1, updated_at = now(), fields = "
    another = """'[{"name": "title", "kind": "text", "localised": true},
                   {"name": "views", "kind": "text"}, {"name": "slug", "kind": "slug"}]'"""
    for fields in ("fields - 2", another):
        await execute(site.postgres, site.database, write + fields)
    query = """SELECT s.key, (s.value->>'name')::timestamptz > c.created_at AS name,
                      (s.value->>'locales')::timestamptz > c.created_at AS locales
               FROM cms.content_types c CROSS JOIN jsonb_each(c.fields_since) s ORDER BY s.key"""
    changed = [tuple(row) for row in await site.fetch(query)]
    assert changed == [("slug", False, False), ("title", False, True), ("views", True, True)]


LOCALES = {
    "default": "en",
    "locales": [{"code": "en"}, {"code": "de"}, {"code": "id"}],
}
LEAD = {"name": "lead", "kind": "text", "localised": True}
PRICES = {"name": "prices", "kind": "json"}
IMAGE = {
    "name": "image",
    "kind": "component",
    "fields": [{"name": "id", "kind": "text", "required": True}, {"name": "url", "kind": "text"}],
}


async def test_names_that_look_like_locales_are_no_locales_in_the_past(
    pod: Pod, acme: Desk, architect: Architect
) -> None:
    expect(await acme.client.put(f"{acme.root}/locales", json=LOCALES), 200)
    await architect.change(TITLE, LEAD, PRICES, IMAGE)
    whole = {"prices": {"de": 10, "us": 12}, "image": {"id": "4711", "url": "x"}}
    lead = {"en": "Hello", "de": "Geheim"}
    drafts = [await acme.draft(title="First", lead=lead, **whole) for _ in range(2)]
    expect(await acme.client.delete(f"{acme.entries}/{drafts[1]['id']}"), 204)
    helper = await helper_of(pod, acme, EDIT, hidden("de", "id", of="locales"))
    for seen in await past_of(helper, *drafts):
        assert seen == {"title": "First", "lead": {"en": "Hello"}, **whole}
    url = f"{acme.entries}/{drafts[0]['id']}"
    expect(await acme.client.patch(url, json={"fields": {"title": "Second", "prices": 1}}), 200)
    expect(await helper.client.post(f"{url}/versions/1/restore"), 200)
    back = expect(await acme.client.get(url), 200)["fields"]
    assert back == {"title": "First", "lead": lead, **whole}


async def test_who_is_denied_a_field_still_reads_the_past_of_one_that_became_localised(
    pod: Pod, acme: Desk, architect: Architect
) -> None:
    drafts = [await acme.draft(title="First", views=41) for _ in range(2)]
    expect(await acme.client.delete(f"{acme.entries}/{drafts[1]['id']}"), 204)
    await architect.change({**TITLE, "localised": True}, SLUG, VIEWS)
    helper = await helper_of(pod, acme, EDIT, hidden("views"))
    for seen in await past_of(helper, *drafts):
        assert seen == {"title": "First"}
