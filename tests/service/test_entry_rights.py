"""Versions, the bin, lists, searches and bulk requests go no further than a role allows."""

from typing import Any

import pytest

from tests.service.test_api_keys import holder, make_key
from tests.service.test_people import READ, TRANSLATOR, hired, make_role
from tests.service.world import ARTICLE, Desk, Pod, expect, expect_problem

_FIELDS = ARTICLE["fields"]
assert isinstance(_FIELDS, list)
TITLE, SLUG, VIEWS = _FIELDS
LOCALES = {"default": "en", "locales": [{"code": "en"}, {"code": "de"}]}
PAGE: dict[str, Any] = {
    "name": "page",
    "displayName": "Page",
    "fields": [{"name": "lead", "kind": "text", "localised": True}],
}


def bin_of(desk: Desk) -> str:
    return f"{desk.root}/content-types/article/bin"


async def found(desk: Desk, words: str, **more: str) -> list[str]:
    answer = await desk.client.get(f"{desk.root}/search", params={"q": words, **more})
    return [item["entry"]["id"] for item in expect(answer, 200)["items"]]


@pytest.fixture
async def reader(pod: Pod, acme: Desk) -> Desk:
    """May not see `views`, and changes only `title`."""
    await acme.make_type()
    expect(await acme.client.post(f"{acme.root}/roles", json=TRANSLATOR), 201)
    desk, _ = await hired(pod, acme, "proof-reader")
    return desk


async def test_a_hidden_field_is_in_no_version_and_no_comparison(acme: Desk, reader: Desk) -> None:
    entry = await acme.draft(title="First", slug="a", views=41)
    url = f"{acme.entries}/{entry['id']}"
    body = {"fields": {"title": "Second", "slug": "a", "views": 42}}
    expect(await acme.client.put(url, json=body), 200)
    version = expect(await reader.client.get(f"{url}/versions/1"), 200)
    assert version["fields"] == {"title": "First", "slug": "a"}
    diff = expect(await reader.client.get(f"{url}/versions/diff?from=1&to=2"), 200)
    assert [change["pointer"] for change in diff["changes"]] == ["/title"]

    back = expect(await reader.client.post(f"{url}/versions/1/restore"), 200)
    assert back["fields"] == {"title": "First", "slug": "a"}
    assert expect(await acme.client.get(url), 200)["fields"]["views"] == 42, "it stays"


async def test_a_version_comes_back_only_as_far_as_one_may_write(acme: Desk, reader: Desk) -> None:
    entry = await acme.draft(title="First", slug="a")
    url = f"{acme.entries}/{entry['id']}"
    expect(await acme.client.put(url, json={"fields": {"title": "Second", "slug": "b"}}), 200)
    problem = expect_problem(await reader.client.post(f"{url}/versions/1/restore"), 403)
    assert [error["pointer"] for error in problem["errors"]] == ["/fields/slug"]


async def test_who_may_not_read_an_entry_brings_no_version_of_it_back(pod: Pod, acme: Desk) -> None:
    await acme.make_type()
    entry = await acme.draft(title="First")
    url = f"{acme.entries}/{entry['id']}"
    expect(await acme.client.put(url, json={"fields": {"title": "Second"}}), 200)
    await make_role(acme, {"permissions": ["entries:update"]})
    helper, _ = await hired(pod, acme, "helper")
    expect_problem(await helper.client.post(f"{url}/versions/1/restore"), 404)
    assert expect(await acme.client.get(url), 200)["version"] == 2


async def test_a_patch_leaves_what_one_does_not_see_and_takes_nothing_one_may_not_write(
    acme: Desk, reader: Desk
) -> None:
    entry = await acme.draft(title="Helo", slug="a", views=7)
    url = f"{acme.entries}/{entry['id']}"
    seen = expect(await reader.client.patch(url, json={"fields": {"title": "Hello"}}), 200)
    assert seen["fields"] == {"title": "Hello", "slug": "a"}
    problem = expect_problem(
        await reader.client.patch(url, json={"fields": {"slug": None, "views": 8}}), 403
    )
    assert [error["pointer"] for error in problem["errors"]] == ["/fields/slug", "/fields/views"]
    kept = expect(await acme.client.get(url), 200)["fields"]
    assert kept == {"title": "Hello", "slug": "a", "views": 7}


async def renamed(desk: Desk, status: int, query: str = "") -> Any:
    """The field that the reader does not see gets another name."""
    reads = {**VIEWS, "name": "reads", "renamedFrom": "views"}
    body = {"displayName": "Article", "fields": [TITLE, SLUG, reads]}
    url = f"{desk.root}/content-types/article"
    return expect(await desk.client.put(f"{url}{query}", json=body), status)


async def test_a_new_name_hides_a_field_from_no_rule_without_a_word(
    acme: Desk, reader: Desk
) -> None:
    entry = await acme.draft(title="First", views=41)
    problem = await renamed(acme, 409)
    (error,) = problem["errors"]
    assert error["pointer"] == "/fields/reads"
    assert "The rules of the role proof-reader name views" in error["detail"]
    url = f"{acme.entries}/{entry['id']}"
    assert expect(await reader.client.get(url), 200)["fields"] == {"title": "First"}
    plan = problem["detail"].rpartition("acknowledge=")[2].strip(".")
    await renamed(acme, 200, f"?acknowledge={plan}")


async def test_a_role_and_a_key_that_name_a_field_in_several_rules_are_told_once(
    acme: Desk,
) -> None:
    await acme.make_type()
    rules = [
        {"permissions": [permission], "fields": ["views"], "contentTypes": types, "deny": True}
        for permission, types in (("entries:read", ["article", "page"]), ("entries:update", None))
    ]
    await make_role(acme, {"permissions": ["entries:read"]}, *rules)
    await make_key(acme, rules=rules)
    (error,) = (await renamed(acme, 409))["errors"]
    assert "The rules of the API key site, the role helper name views" in error["detail"]


async def test_what_rules_know_by_both_names_is_renamed_at_once(acme: Desk) -> None:
    await acme.make_type()
    both = {"permissions": ["entries:read"], "fields": ["views", "reads"], "deny": True}
    other = {"permissions": ["entries:read"], "fields": ["views"], "contentTypes": ["page"]}
    await make_role(acme, {"permissions": ["entries:read"]}, both, other)
    await make_key(acme, rules=[both])
    await renamed(acme, 200)


async def test_nobody_gives_a_field_a_name_by_which_they_may_read_it(pod: Pod, acme: Desk) -> None:
    await acme.make_type()
    architect = {"permissions": ["content-types:read", "content-types:write", "entries:read"]}
    hidden = {"permissions": ["entries:read"], "fields": ["views"], "deny": True}
    await make_role(acme, architect, hidden)
    helper, _ = await hired(pod, acme, "helper")
    assert "may not read views" in (await renamed(helper, 403))["detail"]


@pytest.mark.parametrize(
    "limits",
    [
        [{"permissions": ["entries:read"]},
         {"permissions": ["entries:read"], "fields": ["views"], "deny": True}],
        [{"permissions": ["entries:read"], "fields": ["title", "slug"]}],
        [{"permissions": ["entries:read"], "own": True}],
        [],
    ],
    ids=["denied a field", "not allowed a field", "own entries", "no entries"],
)  # fmt: skip
async def test_values_that_one_may_not_read_are_not_found_out_by_changes_of_their_type(
    pod: Pod, acme: Desk, limits: list[dict[str, Any]]
) -> None:
    await acme.make_type()
    await acme.draft(title="First", slug="first", views=73125)
    await make_role(acme, {"permissions": ["content-types:read", "content-types:write"]}, *limits)
    helper, _ = await hired(pod, acme, "helper")
    url = f"{acme.root}/content-types/article"
    word = {"name": "word", "kind": "text"}
    for new in (
        [TITLE, SLUG, VIEWS | {"maximum": 73124}],
        [TITLE, SLUG, VIEWS | {"maximum": 73125}],
        [TITLE, SLUG, VIEWS | {"unique": True}],
        [TITLE, SLUG, word | {"name": "views", "pattern": "^73"}],
        [TITLE, SLUG],
    ):
        body = {"displayName": "Article", "fields": new}
        for answer in (
            await helper.client.post(f"{url}/plan", json=body),
            await helper.client.put(url, json=body),
        ):
            problem = expect_problem(answer, 403)
            assert "may not read" in problem["detail"]
            assert "errors" not in problem
    harmless = {"displayName": "Article", "fields": [TITLE, SLUG, VIEWS | {"minimum": -1}, word]}
    assert expect(await helper.client.post(f"{url}/plan", json=harmless), 200)["safe"]
    expect(await helper.client.put(url, json=harmless), 200)


async def test_a_change_of_fields_that_one_reads_is_planned_beside_hidden_ones(
    pod: Pod, acme: Desk
) -> None:
    await acme.make_type()
    await acme.draft(title="Much too long", views=41)
    hidden = {"permissions": ["entries:read"], "fields": ["views"], "deny": True}
    await make_role(acme, {"permissions": ["entries:read", "content-types:write"]}, hidden)
    helper, _ = await hired(pod, acme, "helper")
    body = {"displayName": "Article", "fields": [TITLE | {"maxLength": 5}, SLUG, VIEWS]}
    url = f"{acme.root}/content-types/article/plan"
    assert expect(await helper.client.post(url, json=body), 200)["misfits"] == 1


async def test_a_locale_that_one_may_not_read_is_not_found_out_by_changes_of_its_type(
    pod: Pod, acme: Desk
) -> None:
    expect(await acme.client.put(f"{acme.root}/locales", json=LOCALES), 200)
    expect(await acme.client.post(f"{acme.root}/content-types", json=PAGE), 201)
    not_german = {"permissions": ["entries:read"], "locales": ["de"], "deny": True}
    await make_role(acme, {"permissions": ["entries:read", "content-types:write"]}, not_german)
    helper, _ = await hired(pod, acme, "helper")
    (lead,) = PAGE["fields"]
    body = {"displayName": "Page", "fields": [lead | {"pattern": "^Geheim$"}]}
    url = f"{acme.root}/content-types/page"
    expect_problem(await helper.client.post(f"{url}/plan", json=body), 403)
    expect_problem(await helper.client.put(url, json=body), 403)


async def test_changes_of_the_locales_tell_nothing_of_a_type_that_one_may_not_read(
    pod: Pod, acme: Desk
) -> None:
    expect(await acme.client.put(f"{acme.root}/locales", json=LOCALES), 200)
    expect(await acme.client.post(f"{acme.root}/content-types", json=PAGE), 201)
    pages = f"{acme.root}/content-types/page/entries"
    expect(await acme.client.post(pages, json={"fields": {"lead": {"en": "Hello"}}}), 201)
    expect(await acme.client.post(pages, json={"fields": {"lead": {"de": "Hallo"}}}), 201)
    await make_role(acme, {"permissions": ["tenant:read", "tenant:write"]})
    helper, _ = await hired(pod, acme, "helper")
    german = {"default": "de", "locales": [{"code": "de"}, {"code": "en"}]}
    for locales in ({"default": "en", "locales": [{"code": "en"}]}, german):
        told = [
            expect_problem(await desk.client.put(f"{desk.root}/locales", json=locales), 409)
            for desk in (acme, helper)
        ]
        to_owner, to_helper = (f"{each['detail']} {each.get('errors')}" for each in told)
        assert "1 entries of the type page" in to_owner
        assert "page" not in to_helper
        assert "1 entries" not in to_helper


async def test_the_past_of_a_field_with_another_name_stays_hidden(acme: Desk, reader: Desk) -> None:
    entries = [await acme.draft(title="First", views=41) for _ in range(2)]
    kept, binned = (f"{acme.entries}/{entry['id']}" for entry in entries)
    expect(await acme.client.delete(binned), 204)
    plan = (await renamed(acme, 409))["detail"].rpartition("acknowledge=")[2].strip(".")
    await renamed(acme, 200, f"?acknowledge={plan}")
    url = f"{acme.root}/roles/proof-reader"
    hidden = {"permissions": ["entries:read"], "fields": ["reads"], "deny": True}
    body = {"displayName": "Reader", "rules": [{"permissions": READ}, hidden]}
    expect(await acme.client.put(url, json=body), 200)
    one = f"{bin_of(acme)}/{entries[1]['id']}"
    for path in (kept, f"{kept}/versions/1", one):
        assert expect(await reader.client.get(path), 200)["fields"] == {"title": "First"}, path
    assert expect(await acme.client.get(f"{kept}/versions/1"), 200)["fields"]["views"] == 41


async def test_a_hidden_field_is_not_in_the_bin(acme: Desk, reader: Desk) -> None:
    entry = await acme.draft(title="Gone", views=41)
    expect(await acme.client.delete(f"{acme.entries}/{entry['id']}"), 204)
    (listed,) = expect(await reader.client.get(bin_of(acme)), 200)["items"]
    one = expect(await reader.client.get(f"{bin_of(acme)}/{entry['id']}"), 200)
    assert listed == one
    assert one["fields"] == {"title": "Gone"}
    for method, path in (("POST", "/restore"), ("DELETE", "")):
        answer = await reader.client.request(method, f"{bin_of(acme)}/{entry['id']}{path}")
        expect_problem(answer, 403)


async def test_who_does_not_see_slugs_cannot_filter_or_sort_by_them(pod: Pod, acme: Desk) -> None:
    await acme.make_type()
    await acme.draft(title="Hello", slug="hello")
    hidden = {"permissions": ["entries:read"], "fields": ["slug"], "deny": True}
    await make_role(acme, {"permissions": ["entries:read"]}, hidden)
    helper, _ = await hired(pod, acme, "helper")
    for query in ("slug=hello", "sort=slug", "sort=-slug"):
        expect_problem(await helper.client.get(f"{acme.entries}?{query}"), 403)
    (entry,) = expect(await helper.client.get(f"{acme.entries}?sort=createdAt"), 200)["items"]
    (version,) = expect(await helper.client.get(f"{acme.entries}/{entry['id']}/versions"), 200)[
        "items"
    ]
    assert entry["slug"] is version["slug"] is None


async def test_words_of_what_one_may_not_read_find_nothing(pod: Pod, acme: Desk) -> None:
    await acme.make_type()
    expect(await acme.client.put(f"{acme.root}/locales", json=LOCALES), 200)
    expect(await acme.client.post(f"{acme.root}/content-types", json=PAGE), 201)
    article = await acme.draft(title="the secret word")
    fields = {"lead": {"en": "public word", "de": "geheim"}}
    pages = f"{acme.root}/content-types/page/entries"
    page = expect(await acme.client.post(pages, json={"fields": fields}), 201)
    assert set(await found(acme, "word")) == {page["id"], article["id"]}
    limits: dict[str, dict[str, Any]] = {
        "type": {"permissions": ["entries:read"], "contentTypes": ["page"]},
        "field": {"permissions": ["entries:read"], "fields": ["lead"]},
        "locale": {"permissions": ["entries:read"], "locales": ["en"]},
        "own": {"permissions": ["entries:read", "entries:create"], "own": True},
    }
    seen = {"type": [page["id"]], "field": [page["id"]], "locale": [], "own": []}
    for name, rule in limits.items():
        await make_role(acme, rule, name=name)
        helper, _ = await hired(pod, acme, name)
        assert await found(helper, "word") == seen[name], name
        assert await found(helper, "secret") == [], name
        assert await found(helper, "word", type="article") == [], name
    mine = await helper.draft(title="my word")
    assert await found(helper, "word") == [mine["id"]]
    key = await make_key(acme, rules=[limits["own"]])
    program = Desk(holder(pod, key["key"]), "acme")
    assert await found(program, "word") == [], "a key owns nothing"


@pytest.mark.parametrize("value", ["x", {"": {"en": "x"}}], ids=["a text", "an empty locale"])
async def test_a_wrong_value_is_refused_to_who_may_not_write_a_locale_of_it(
    pod: Pod, acme: Desk, value: object
) -> None:
    expect(await acme.client.put(f"{acme.root}/locales", json=LOCALES), 200)
    expect(await acme.client.post(f"{acme.root}/content-types", json=PAGE), 201)
    pages = f"{acme.root}/content-types/page/entries"
    fields = {"lead": {"en": "Hello"}}
    page = expect(await acme.client.post(pages, json={"fields": fields}), 201)
    everything = {"permissions": ["entries:read", "entries:update"]}
    not_english = {"permissions": ["entries:update"], "locales": ["en"], "deny": True}
    await make_role(acme, everything, not_english)
    helper, _ = await hired(pod, acme, "helper")
    url = f"{pages}/{page['id']}"
    answer = await helper.client.put(url, json={"fields": {"lead": value}})
    (error,) = expect_problem(answer, 422)["errors"]
    assert error["pointer"].startswith("/fields/lead")
    assert expect(await acme.client.get(url), 200)["fields"] == fields


async def test_a_refused_delete_names_no_field_of_a_type_that_one_may_not_read(
    pod: Pod, acme: Desk
) -> None:
    await acme.make_type()
    article = await acme.draft(title="Employee")
    fired = {"name": "firedPerson", "kind": "reference", "types": ["article"]}
    layoff = {"name": "layoff", "displayName": "Layoff", "fields": [fired]}
    types = f"{acme.root}/content-types"
    expect(await acme.client.post(types, json=layoff), 201)
    fields = {"fields": {"firedPerson": article["id"]}}
    referrer = expect(await acme.client.post(f"{types}/layoff/entries", json=fields), 201)["id"]
    expect(await acme.client.post(f"{types}/layoff/entries/{referrer}/publish"), 200)
    permissions = ["entries:read", "entries:delete"]
    await make_role(acme, {"permissions": permissions, "contentTypes": ["article"]})
    helper, _ = await hired(pod, acme, "helper")
    body = {"items": [{"id": article["id"]}]}

    async def told(desk: Desk) -> list[str]:
        one = expect_problem(await desk.client.delete(f"{desk.entries}/{article['id']}"), 409)
        bulk = f"{types}/article/bulk/delete"
        (outcome,) = expect(await desk.client.post(bulk, json=body), 200)["items"]
        together = await desk.client.post(bulk, json=body | {"atomic": True})
        errors = [one["errors"], outcome["errors"], expect_problem(together, 409)["errors"]]
        return [error["detail"] for (error,) in errors]

    assert await told(helper) == [f"layoff/{referrer} refers to it"] * 3
    assert await told(acme) == [f"layoff/{referrer} refers to it in firedPerson"] * 3


async def test_an_author_acts_on_own_entries_only_in_bulk_in_the_bin_and_by_plan(
    pod: Pod, acme: Desk
) -> None:
    await acme.make_type()
    author, _ = await hired(pod, acme, "author")
    theirs, own = await acme.draft(slug="a", title="a"), await author.draft(slug="b", title="b")
    items = [{"id": each["id"]} for each in (theirs, own)]
    bulk = f"{acme.root}/content-types/article/bulk"
    retitled = {"items": [{**each, "fields": {"title": "mine"}} for each in items]}
    expect_problem(
        await author.client.post(f"{bulk}/update", json=retitled | {"atomic": True}), 403
    )
    done = await author.client.post(f"{bulk}/update", json=retitled)
    assert [outcome["status"] for outcome in expect(done, 200)["items"]] == [403, 200]
    for action, status in (("publish", 200), ("unpublish", 200), ("delete", 204)):
        together = {"items": items, "atomic": True}
        expect_problem(await author.client.post(f"{bulk}/{action}", json=together), 403)
        done = await author.client.post(f"{bulk}/{action}", json={"items": items})
        outcomes = expect(done, 200)["items"]
        assert [outcome["status"] for outcome in outcomes] == [403, status], action
    plan = {"publishAt": "2999-01-01T00:00:00Z"}
    schedule = f"{acme.entries}/{theirs['id']}/schedule"
    expect_problem(await author.client.put(schedule, json=plan), 403)
    expect_problem(await author.client.delete(schedule), 403)

    expect(await acme.client.delete(f"{acme.entries}/{theirs['id']}"), 204)
    expect_problem(await author.client.post(f"{bin_of(acme)}/{theirs['id']}/restore"), 403)
    expect_problem(await author.client.delete(f"{bin_of(acme)}/{own['id']}"), 403)
    expect(await author.client.post(f"{bin_of(acme)}/{own['id']}/restore"), 200)


async def test_who_reads_only_own_entries_learns_of_no_others_in_the_bin_or_their_versions(
    pod: Pod, acme: Desk
) -> None:
    await acme.make_type()
    await make_role(
        acme,
        {"permissions": ["entries:read", "entries:create", "entries:delete"], "own": True},
    )
    helper, _ = await hired(pod, acme, "helper")
    theirs, own = await acme.draft(title="a"), await helper.draft(title="b")
    url = f"{acme.entries}/{theirs['id']}"
    for path in ("/versions", "/versions/1", "/versions/diff?from=1&to=1", "/schedule"):
        expect_problem(await helper.client.get(url + path), 404)
    body = {"items": [{"id": theirs["id"]}]}
    bulk = f"{acme.root}/content-types/article/bulk/delete"
    assert expect(await helper.client.post(bulk, json=body), 200)["items"][0]["status"] == 404
    for entry in (theirs, own):
        expect(await acme.client.delete(f"{acme.entries}/{entry['id']}"), 204)
    (left,) = expect(await helper.client.get(bin_of(acme)), 200)["items"]
    assert left["id"] == own["id"]
    expect_problem(await helper.client.get(f"{bin_of(acme)}/{theirs['id']}"), 404)


async def test_what_a_key_does_is_noted_by_its_name_and_made_by_no_user(
    pod: Pod, acme: Desk
) -> None:
    await acme.make_type()
    key = await make_key(acme, role="admin")
    program = Desk(holder(pod, key["key"]), "acme")
    entry = await program.publish_new(title="Hello", slug="hello")
    url = f"{acme.entries}/{entry['id']}"
    expect(await program.client.patch(url, json={"fields": {"title": "Changed"}}), 200)
    expect(await program.client.delete(url), 204)
    expect(await program.client.post(f"{bin_of(acme)}/{entry['id']}/restore"), 200)
    versions = expect(await acme.client.get(f"{url}/versions"), 200)["items"]
    assert {version["createdBy"] for version in versions} == {None}
    log = expect(await acme.client.get(f"{acme.root}/audit-log?actor={key['id']}"), 200)["items"]
    assert [(note["action"], note["actorKind"]) for note in log] == [
        (action, "api-key") for action in ("undeleted", "deleted", "saved", "published", "created")
    ]
    made = expect(await acme.client.get(f"{acme.root}/audit-log?objectId={key['id']}"), 200)
    assert made["items"][0]["details"] == {"name": "site", "role": "admin"}


async def test_a_locale_that_one_may_not_read_is_nowhere_in_the_past_of_a_changed_type(
    pod: Pod, acme: Desk
) -> None:
    expect(await acme.client.put(f"{acme.root}/locales", json=LOCALES), 200)
    url = f"{acme.root}/content-types/page"
    expect(await acme.client.post(f"{acme.root}/content-types", json=PAGE), 201)
    texts = {"fields": {"lead": {"en": "Hello", "de": "Geheim"}}}
    pages = [expect(await acme.client.post(f"{url}/entries", json=texts), 201) for _ in range(2)]
    expect(await acme.client.delete(f"{url}/entries/{pages[1]['id']}"), 204)
    body = {"displayName": "Page", "fields": [{"name": "lead", "kind": "text"}]}
    plan = expect(await acme.client.post(f"{url}/plan", json=body), 200)
    expect(await acme.client.put(f"{url}?acknowledge={plan['id']}", json=body), 200)

    not_german = {"permissions": ["entries:read"], "locales": ["de"], "deny": True}
    await make_role(acme, {"permissions": ["entries:read"]}, not_german)
    helper, _ = await hired(pod, acme, "helper")
    past = (f"entries/{pages[0]['id']}/versions/1", f"bin/{pages[1]['id']}", "bin")
    for path in past:
        for desk, sees in ((helper, False), (acme, True)):
            answer = await desk.client.get(f"{url}/{path}")
            expect(answer, 200)
            assert ("Geheim" in answer.text) == sees, path
