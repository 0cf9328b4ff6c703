"""Kinds of fields, unique values, references between entries and locales, on the real database."""

import asyncio
from datetime import UTC
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from cms_service.content_types.fields import AnyField, BaseField, Completeness, Context
from cms_service.core.validation.strict_json import MIN_NUMBER
from cms_service.locales.schemas import Locales
from tests.service.test_content import held, until_waiting
from tests.service.world import Desk, Site, expect, expect_problem
from tests.support import field_kinds

TITLE = {"name": "title", "kind": "text"}
AUTHOR = {
    "name": "author",
    "displayName": "Author",
    "fields": [
        {"name": "name", "kind": "text"},
        {"name": "email", "kind": "email", "unique": True},
        {"name": "born", "kind": "date"},
    ],
}
TAG = {"name": "tag", "displayName": "Tag", "fields": [TITLE]}
PAGE: dict[str, Any] = {
    "name": "page",
    "displayName": "Page",
    "fields": [
        {"name": "title", "kind": "text", "localised": True, "required": True},
        {"name": "slug", "kind": "slug"},
        {"name": "body", "kind": "richtext", "localised": True},
        {"name": "state", "kind": "enumeration", "values": ["new", "old"], "default": "new"},
        {"name": "author", "kind": "reference", "types": ["author"]},
        {"name": "tags", "kind": "references", "types": ["tag", "page"], "maxItems": 5},
        {
            "name": "sections",
            "kind": "components",
            "fields": [
                {"name": "heading", "kind": "text", "localised": True},
                {"name": "about", "kind": "reference", "types": ["author"]},
            ],
        },
        {"name": "link", "kind": "url"},
        {"name": "code", "kind": "text", "unique": True, "localised": True},
    ],
}
GERMAN = {
    "default": "en",
    "locales": [{"code": "en"}, {"code": "de"}, {"code": "de-AT", "fallback": "de"}],
}
NOBODY = "0190a000-0000-7000-8000-000000000001"


class Editor:
    """Works with the three types above."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.client = desk.client
        self.types = f"{desk.root}/content-types"
        self.locales = f"{desk.root}/locales"

    def entries(self, type_name: str) -> str:
        return f"{self.types}/{type_name}/entries"

    async def make(self, type_name: str, **fields: object) -> str:
        answer = await self.client.post(self.entries(type_name), json={"fields": fields})
        identifier: str = expect(answer, 201)["id"]
        return identifier

    async def refused(self, status: int, type_name: str, **fields: object) -> list[str]:
        answer = await self.client.post(self.entries(type_name), json={"fields": fields})
        problem = expect_problem(answer, status)
        return [error["pointer"] for error in problem.get("errors", [])]

    async def replace(self, type_name: str, entry_id: str, **fields: object) -> Any:
        url = f"{self.entries(type_name)}/{entry_id}"
        return expect(await self.client.put(url, json={"fields": fields}), 200)

    async def publish(self, type_name: str, entry_id: str) -> Any:
        return expect(await self.client.post(f"{self.entries(type_name)}/{entry_id}/publish"), 200)

    async def referrers(self, type_name: str, entry_id: str) -> dict[str, Any]:
        url = f"{self.entries(type_name)}/{entry_id}/referrers"
        items = expect(await self.client.get(url), 200)["items"]
        return {item["id"]: (item["fields"], item["publishedFields"]) for item in items}


@pytest.fixture
async def editor(acme: Desk) -> Editor:
    editor = Editor(acme)
    expect(await acme.client.put(editor.locales, json=GERMAN), 200)
    for content_type in (AUTHOR, TAG, PAGE):
        expect(await acme.client.post(editor.types, json=content_type), 201)
    return editor


async def test_every_kind_of_value_comes_back_as_it_was_given(editor: Editor) -> None:
    author = await editor.make("author", name="Ada", email="ada@a.example", born="1815-12-10")
    tags = [await editor.make("tag", title=title) for title in ("one", "two")]
    words = {"type": "text", "text": "Hello", "marks": [{"type": "bold"}]}
    fields = {
        "title": {"en": "Hello", "de": "Hallo"},
        "slug": "hello",
        "body": {"en": {"type": "doc", "content": [{"type": "paragraph", "content": [words]}]}},
        "state": "old",
        "author": author,
        "tags": tags,
        "sections": [{"heading": {"en": "Who"}, "about": author}, {}],
        "link": "https://example.com/",
        "code": {"en": "x"},
    }
    page = await editor.make("page", **fields)
    await editor.publish("page", page)
    for url in (f"{editor.entries('page')}/{page}", "/v1/delivery/acme/page/hello"):
        assert expect(await editor.client.get(url), 200)["fields"] == fields


TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=50)
NUMBERS = st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(-(2**53) + 1, 2**53 - 1).filter(
    lambda number: number == 0 or abs(number) >= MIN_NUMBER
)
ANYTHING = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=10,
)
WORDS = st.builds(
    lambda text, marks: {"type": "text", "text": text, "marks": [{"type": m} for m in marks]},
    TEXTS.filter(bool),
    st.sets(st.sampled_from(["bold", "italic"])),
)
PARAGRAPHS = st.builds(
    lambda words: {"type": "paragraph", "content": words}, st.lists(WORDS, max_size=3)
)
KINDS: dict[str, tuple[dict[str, Any], st.SearchStrategy[Any]]] = {
    "text": ({}, TEXTS),
    "richtext": ({}, st.lists(PARAGRAPHS, max_size=3).map(lambda c: {"type": "doc", "content": c})),
    "number": ({}, NUMBERS),
    "boolean": ({}, st.booleans()),
    "date": ({}, st.dates().map(str)),
    "datetime": (
        {},
        st.datetimes(timezones=st.just(UTC)).map(lambda moment: moment.isoformat()),
    ),
    "enumeration": ({"values": ["a", "ż"]}, st.sampled_from(["a", "ż"])),
    "email": ({}, st.emails().filter(lambda address: "." in address.partition("@")[2])),
    "url": ({}, st.sampled_from(["https://example.org/a?b=ż", "HTTP://[::1]:8080/"])),
    "json": ({}, ANYTHING.filter(lambda value: value is not None)),
    "component": ({"fields": [TITLE]}, st.fixed_dictionaries({}, optional={"title": TEXTS})),
    "components": (
        {"fields": [TITLE, {"name": "much", "kind": "json", "required": True}]},
        st.lists(st.fixed_dictionaries({"title": TEXTS, "much": ANYTHING}), max_size=3),
    ),
}
# Their values are not free: they name other entries, or no entry twice.
ELSEWHERE = {"slug", "reference", "references"}
EVERYTHING = {
    "name": "everything",
    "displayName": "Everything",
    "fields": [{"name": kind, "kind": kind, **options} for kind, (options, _) in KINDS.items()],
}
FIELDS = {
    field["name"]: TypeAdapter[BaseField](AnyField).validate_python(field)
    for field in EVERYTHING["fields"]
    if isinstance(field, dict)
}
ANY_DRAFT = Context(Completeness.DRAFT, Locales.model_validate(GERMAN))


def test_all_kinds_of_free_values_are_tried() -> None:
    assert sorted(KINDS.keys() | ELSEWHERE) == sorted(field_kinds.KINDS)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.fixed_dictionaries({}, optional={kind: values for kind, (_, values) in KINDS.items()}))
async def test_whatever_is_accepted_is_stored_and_read_back_alike(
    editor: Editor, values: dict[str, Any]
) -> None:
    if (await editor.client.get(f"{editor.types}/everything")).status_code == 404:
        expect(await editor.client.post(editor.types, json=EVERYTHING), 201)
    accepted = {name: FIELDS[name].accept(value, ANY_DRAFT) for name, value in values.items()}
    entry = await editor.make("everything", **values)
    url = f"{editor.entries('everything')}/{entry}"
    assert expect(await editor.client.get(url), 200)["fields"] == accepted
    if "components" not in values or all(one["much"] is not None for one in values["components"]):
        await editor.publish("everything", entry)
        delivered = await editor.client.get(f"/v1/delivery/acme/everything/{entry}")
        assert expect(delivered, 200)["fields"] == accepted


async def test_a_new_entry_begins_with_defaults_and_a_change_keeps_what_it_says(
    editor: Editor,
) -> None:
    page = await editor.make("page", title={"en": "x"})
    url = f"{editor.entries('page')}/{page}"
    assert expect(await editor.client.get(url), 200)["fields"]["state"] == "new"
    assert "state" not in (await editor.replace("page", page, title={"en": "x"}))["fields"]


async def test_a_null_keeps_the_default_away(editor: Editor) -> None:
    made = await editor.make("page", title={"en": "x"}, state=None)
    bulk = f"{editor.types}/page/bulk/create"
    items = [{"fields": {"title": {"en": "y"}, "state": None}}]
    (outcome,) = expect(await editor.client.post(bulk, json={"items": items}), 200)["items"]
    for entry in (made, outcome["id"]):
        url = f"{editor.entries('page')}/{entry}"
        assert "state" not in expect(await editor.client.get(url), 200)["fields"]


async def test_a_unique_value_is_taken_once_and_free_again_afterwards(editor: Editor) -> None:
    first = await editor.make("author", email="ada@a.example")
    assert await editor.refused(409, "author", email="ADA@a.example") == ["/fields/email"]
    await editor.replace("author", first, email="other@a.example", name="same writer")
    await editor.replace("author", first, email="other@a.example", name="keeps its own")
    second = await editor.make("author", email="ada@a.example")
    expect(await editor.client.delete(f"{editor.entries('author')}/{second}"), 204)
    await editor.make("author", email="ada@a.example")


async def test_a_localised_value_is_unique_in_its_locale(editor: Editor) -> None:
    await editor.make("page", code={"en": "a", "de": "b"})
    await editor.make("page", code={"en": "b", "de": "a"})
    assert await editor.refused(409, "page", code={"de": "b"}) == ["/fields/code"]


async def test_what_is_published_is_unique_though_a_draft_has_moved_on(editor: Editor) -> None:
    first = await editor.make("author", email="ada@a.example")
    await editor.publish("author", first)
    await editor.replace("author", first, email="new@a.example")
    second = await editor.make("author", email="ada@a.example")
    url = f"{editor.entries('author')}/{second}/publish"
    problem = expect_problem(await editor.client.post(url), 409)
    assert problem["errors"][0]["pointer"] == "/fields/email"
    await editor.publish("author", first)
    await editor.publish("author", second)


async def test_of_two_writers_at_once_one_gets_the_value(site: Site, editor: Editor) -> None:
    url, body = editor.entries("author"), {"fields": {"email": "ada@a.example"}}
    async with held(site, "LOCK TABLE cms.unique_values IN ACCESS EXCLUSIVE MODE"):
        writes = [asyncio.create_task(editor.client.post(url, json=body)) for _ in range(4)]
        await until_waiting(site, 4)
    statuses = sorted(answer.status_code for answer in await asyncio.gather(*writes))
    assert statuses == [201, 409, 409, 409]
    assert len(expect(await editor.client.get(url), 200)["items"]) == 1


async def test_a_reference_that_leads_nowhere_is_refused_with_its_place(editor: Editor) -> None:
    author, tag = await editor.make("author"), await editor.make("tag")
    assert await editor.refused(422, "page", author=NOBODY) == ["/fields/author"]
    assert await editor.refused(422, "page", author=tag) == ["/fields/author"]
    assert await editor.refused(422, "page", tags=[tag, author, NOBODY]) == [
        "/fields/tags/1",
        "/fields/tags/2",
    ]
    sections = [{"about": author}, {}, {"about": tag}]
    assert await editor.refused(422, "page", sections=sections) == ["/fields/sections/2/about"]
    assert expect(await editor.client.get(editor.entries("page")), 200)["items"] == []


async def test_an_entry_of_another_tenant_cannot_be_referred_to(
    editor: Editor, globex: Desk
) -> None:
    expect(await globex.client.post(f"{globex.root}/content-types", json=AUTHOR), 201)
    theirs = await Editor(globex).make("author", email="ada@a.example")
    assert await editor.refused(422, "page", author=theirs) == ["/fields/author"]
    await editor.make("author", email="ada@a.example")


async def test_one_can_ask_who_refers_to_an_entry(editor: Editor) -> None:
    author = await editor.make("author")
    first = await editor.make("page", author=author, title={"en": "x"})
    second = await editor.make("page", sections=[{"about": author}], tags=[first])
    await editor.publish("page", first)
    await editor.replace("page", first, title={"en": "x"})
    assert await editor.referrers("author", author) == {
        first: ([], ["author"]),
        second: (["sections.about"], []),
    }
    assert await editor.referrers("page", first) == {second: (["tags"], [])}
    url = f"{editor.entries('author')}/{author}/referrers"
    page = expect(await editor.client.get(f"{url}?limit=1"), 200)
    rest = expect(await editor.client.get(f"{url}?limit=1&cursor={page['nextCursor']}"), 200)
    assert [item["id"] for item in page["items"] + rest["items"]] == [second, first]
    assert rest["nextCursor"] is None


async def test_what_published_entries_refer_to_is_deleted_only_when_one_says_so(
    editor: Editor,
) -> None:
    author = await editor.make("author")
    page = await editor.make("page", author=author, title={"en": "x"})
    url = f"{editor.entries('author')}/{author}"
    await editor.publish("page", page)
    problem = expect_problem(await editor.client.delete(url), 409)
    assert problem["errors"] == [
        {"pointer": "breakReferences", "detail": f"page/{page} refers to it in author"}
    ]
    expect(await editor.client.delete(f"{url}?breakReferences=true"), 204)
    answer = await editor.client.post(f"{editor.entries('page')}/{page}/publish")
    problem = expect_problem(answer, 422)
    assert problem["errors"][0]["pointer"] == "/fields/author"


@pytest.mark.parametrize("atomic", [False, True])
async def test_what_published_entries_refer_to_is_deleted_with_others_when_one_says_so(
    editor: Editor, *, atomic: bool
) -> None:
    authors = [await editor.make("author") for _ in range(2)]
    page = await editor.make("page", author=authors[1], title={"en": "x"})
    await editor.publish("page", page)
    bulk = f"{editor.types}/author/bulk/delete"
    wanted: dict[str, Any] = {"items": [{"id": each} for each in authors], "atomic": atomic}
    if atomic:
        expect_problem(await editor.client.post(bulk, json=wanted), 409)
    else:
        outcomes = expect(await editor.client.post(bulk, json=wanted), 200)["items"]
        assert [outcome["status"] for outcome in outcomes] == [204, 409]
        del wanted["items"][0]
    told = await editor.client.post(bulk, json=wanted | {"breakReferences": True})
    assert {outcome["status"] for outcome in expect(told, 200)["items"]} == {204}
    assert expect(await editor.client.get(editor.entries("author")), 200)["items"] == []


async def test_a_draft_keeps_nobody_from_deleting(editor: Editor) -> None:
    author = await editor.make("author")
    page = await editor.make("page", author=author, tags=[])
    expect(await editor.client.delete(f"{editor.entries('author')}/{author}"), 204)
    answer = await editor.client.put(
        f"{editor.entries('page')}/{page}", json={"fields": {"author": author}}
    )
    assert expect_problem(answer, 422)["errors"][0]["pointer"] == "/fields/author"


async def test_an_entry_is_deleted_while_another_is_published_that_refers_to_it(
    site: Site, editor: Editor
) -> None:
    """Whoever comes first: never is something published that refers to nothing unsaid."""
    author = await editor.make("author")
    page = await editor.make("page", author=author, title={"en": "x"})
    async with held(site, "SELECT FROM cms.tenants FOR UPDATE"):
        publish = asyncio.create_task(
            editor.client.post(f"{editor.entries('page')}/{page}/publish")
        )
        await until_waiting(site, 1)
        delete = asyncio.create_task(editor.client.delete(f"{editor.entries('author')}/{author}"))
        await until_waiting(site, 2)
    statuses = (await publish).status_code, (await delete).status_code
    assert statuses in {(200, 409), (409, 204), (422, 204)}


async def test_types_refer_to_types_that_are_there_and_keep_them(editor: Editor) -> None:
    body = {
        "name": "note",
        "displayName": "Note",
        "fields": [{"name": "on", "kind": "reference", "types": ["nothing", "page", "note"]}],
    }
    problem = expect_problem(await editor.client.post(editor.types, json=body), 422)
    assert problem["errors"] == [
        {"pointer": "/fields", "detail": "there is no content type nothing"}
    ]
    problem = expect_problem(await editor.client.delete(f"{editor.types}/author"), 409)
    assert "page" in problem["detail"]
    expect(await editor.client.delete(f"{editor.types}/page"), 204)
    expect(await editor.client.delete(f"{editor.types}/author"), 204)


@pytest.mark.parametrize(
    ("delete_first", "statuses"), [(True, (204, 422)), (False, (409, 201))], ids=str
)
async def test_a_type_is_deleted_while_another_is_made_that_refers_to_it(
    site: Site, editor: Editor, statuses: tuple[int, int], *, delete_first: bool
) -> None:
    """Whoever comes first: never does a type refer to one that is not there."""
    old, new = (
        {"name": name, "displayName": name, "fields": [{"name": "a", **field}]}
        for name, field in (
            ("old", {"kind": "text"}),
            ("new", {"kind": "reference", "types": ["old"]}),
        )
    )
    expect(await editor.client.post(editor.types, json=old), 201)
    delete = editor.client.delete(f"{editor.types}/old")
    make = editor.client.post(editor.types, json=new)
    waiting = []
    async with held(site, "SELECT FROM cms.tenants FOR UPDATE"):
        for number, request in enumerate((delete, make) if delete_first else (make, delete), 1):
            waiting.append(asyncio.create_task(request))
            await until_waiting(site, number)
    answers = [answer.status_code for answer in await asyncio.gather(*waiting)]
    assert tuple(answers if delete_first else reversed(answers)) == statuses


async def test_a_type_is_changed_only_by_one_who_has_seen_its_version(editor: Editor) -> None:
    url, body = f"{editor.types}/tag", {"displayName": "Label", "fields": [TITLE]}
    seen = {"If-Match": (await editor.client.get(url)).headers["etag"]}
    expect(await editor.client.put(url, json=body, headers=seen), 200)
    expect_problem(await editor.client.put(url, json=body, headers=seen), 412)
    expect_problem(await editor.client.delete(url, headers=seen), 412)


async def test_a_type_that_was_made_anew_is_not_the_one_that_was_seen(editor: Editor) -> None:
    name = {"name": "notice", "displayName": "Notice", "fields": [TITLE]}
    url = f"{editor.types}/notice"
    seen = expect_tag(await editor.client.post(editor.types, json=name))
    expect(await editor.client.delete(url, headers=seen), 204)
    anew = expect_tag(await editor.client.post(editor.types, json=name))
    body = {"displayName": "Board", "fields": [TITLE]}
    expect_problem(await editor.client.put(url, json=body, headers=seen), 412)
    expect_problem(await editor.client.delete(url, headers=seen), 412)
    expect(await editor.client.put(url, json=body, headers=anew), 200)
    expect(await editor.client.delete(url, headers={"If-Match": '"2"'}), 204)


def expect_tag(answer: httpx.Response) -> dict[str, str]:
    expect(answer, 201)
    return {"If-Match": answer.headers["etag"]}


@pytest.mark.parametrize(
    "locales",
    [
        {"default": "en", "locales": []},
        {"default": "de", "locales": [{"code": "en"}]},
        {"default": "en", "locales": [{"code": "en"}, {"code": "en"}]},
        {"default": "en", "locales": [{"code": "en"}, {"code": "de", "fallback": "fr"}]},
        {"default": "en", "locales": [{"code": "en", "fallback": "de"}, {"code": "de"}]},
        {
            "default": "en",
            "locales": [
                {"code": "en"},
                {"code": "de", "fallback": "fr"},
                {"code": "fr", "fallback": "de"},
            ],
        },
        {"default": "en", "locales": [{"code": "en"}, {"code": "EN"}]},
    ],
)
async def test_locales_that_make_no_sense_are_refused(acme: Desk, locales: Any) -> None:
    url = f"{acme.root}/locales"
    expect_problem(await acme.client.put(url, json=locales), 422)
    assert expect(await acme.client.get(url), 200)["default"] == "en"


async def test_values_are_written_in_the_locales_of_the_tenant(editor: Editor) -> None:
    assert await editor.refused(422, "page", title={"fr": "x"}) == ["/fields/title/fr"]
    page = await editor.make("page", title={"de": "x"})
    answer = await editor.client.post(f"{editor.entries('page')}/{page}/publish")
    assert expect_problem(answer, 422)["errors"][0]["pointer"] == "/fields/title/en"


async def test_a_locale_with_content_cannot_be_taken_away(editor: Editor) -> None:
    page = await editor.make("page", sections=[{}, {"heading": {"de-AT": "x"}}])
    less = {"default": "en", "locales": [{"code": "en"}, {"code": "de"}]}
    problem = expect_problem(await editor.client.put(editor.locales, json=less), 409)
    assert "1 entries of the type page have values in de-AT" in problem["detail"]
    await editor.replace("page", page)
    expect(await editor.client.put(editor.locales, json=less), 200)
    assert await editor.refused(422, "page", title={"de-AT": "x"}) == ["/fields/title/de-AT"]


async def test_another_default_locale_empties_nothing_that_is_published_without_a_word(
    editor: Editor,
) -> None:
    """What has no text in German was shown in English till then."""
    page = await editor.make("page", title={"en": "Hello"}, slug="hello")
    await editor.publish("page", page)
    delivered = f"/v1/delivery/acme/page/{page}?locale=de"
    before = expect(await editor.client.get(delivered), 200)["fields"]
    german = GERMAN | {"default": "de", "locales": [{"code": "de"}, {"code": "en"}]}
    problem = expect_problem(await editor.client.put(editor.locales, json=german), 409)
    (error,) = problem["errors"]
    assert error["detail"].startswith("1 entries of the type page")
    assert expect(await editor.client.get(delivered), 200)["fields"] == before
    await editor.replace("page", page, title={"en": "Hello", "de": "Hallo"}, slug="hello")
    expect_problem(await editor.client.put(editor.locales, json=german), 409)
    await editor.publish("page", page)
    expect(await editor.client.put(editor.locales, json=german), 200)
    assert expect(await editor.client.get(delivered), 200)["fields"]["title"] == "Hallo"


@pytest.mark.parametrize(
    ("fields", "is_lost"),
    [
        ({"title": {"en": "x"}}, True),
        ({"title": {"de": "x"}}, True),
        ({"title": {"de-AT": "x"}}, False),
        ({"title": {"de": "x", "de-AT": "x"}}, False),
        ({"sections": [{"heading": {"en": "x", "de-AT": "x"}}, {"heading": {"en": "x"}}]}, True),
        ({"sections": [{"heading": {"en": "x", "de-AT": "x"}}, {}]}, False),
        ({"slug": "hello", "state": "old"}, False),
    ],
    ids=str,
)
async def test_what_would_be_shown_no_more_for_another_default_locale_is_asked_for_once(
    editor: Editor, fields: dict[str, Any], *, is_lost: bool
) -> None:
    """Austria's had fallen back to German, and that to English."""
    await editor.make("page", **fields)
    austrian = {
        **GERMAN,
        "default": "de-AT",
        "locales": [{"code": c} for c in ("en", "de", "de-AT")],
    }
    answer = await editor.client.put(editor.locales, json=austrian)
    assert answer.status_code == (409 if is_lost else 200), answer.text
    confirmed = f"{editor.locales}?breakFallbacks=true"
    expect(await editor.client.put(confirmed, json=austrian), 200)
    expect(await editor.client.put(editor.locales, json=austrian), 200)


async def test_a_locale_is_taken_away_while_somebody_writes_in_it(
    site: Site, editor: Editor
) -> None:
    english = {"default": "en", "locales": [{"code": "en"}]}
    body = {"fields": {"title": {"de": "x"}}}
    async with held(site, "SELECT FROM cms.tenants FOR UPDATE"):
        change = asyncio.create_task(editor.client.put(editor.locales, json=english))
        await until_waiting(site, 1)
        write = asyncio.create_task(editor.client.post(editor.entries("page"), json=body))
        await until_waiting(site, 2)
    expect(await change, 200)
    expect_problem(await write, 422)
