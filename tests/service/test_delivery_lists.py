"""Filtering, sorting, paging, selecting, expanding and locales, on the real database."""

import itertools
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import orjson
import pytest

from cms_service.content_types.schemas import ContentType
from cms_service.delivery.query.grammar import parse_list_query
from cms_service.delivery.query.plan import entry_shape, list_plan
from cms_service.delivery.sql import statements
from tests.service.test_authentication import statements as statements_run
from tests.service.test_content_model import GERMAN, Editor
from tests.service.test_tenant_border import tenant_id
from tests.service.world import (
    SERVICE_PASSWORD,
    SERVICE_ROLE,
    Desk,
    Pod,
    Site,
    expect,
    expect_problem,
)

AUTHOR = {
    "name": "author",
    "displayName": "Author",
    "fields": [
        {"name": "name", "kind": "text"},
        {"name": "mentor", "kind": "reference", "types": ["author"]},
    ],
}
TAG = {
    "name": "tag",
    "displayName": "Tag",
    "fields": [
        {"name": "title", "kind": "text", "localised": True},
        {"name": "keeper", "kind": "reference", "types": ["author"]},
    ],
}
STORY: dict[str, Any] = {
    "name": "story",
    "displayName": "Story",
    "fields": [
        {"name": "slug", "kind": "slug"},
        {"name": "title", "kind": "text", "localised": True},
        {"name": "note", "kind": "text"},
        {"name": "price", "kind": "number"},
        {"name": "hot", "kind": "boolean"},
        {"name": "day", "kind": "date"},
        {"name": "at", "kind": "datetime"},
        {"name": "author", "kind": "reference", "types": ["author"]},
        {"name": "tags", "kind": "references", "types": ["tag"], "maxItems": 5},
        {
            "name": "parts",
            "kind": "components",
            "fields": [{"name": "words", "kind": "text", "localised": True}],
        },
    ],
}


class Newsroom(Editor):
    """Publishes authors, tags and stories, and reads them as anybody would."""

    async def issue(self, type_name: str, **fields: object) -> str:
        entry_id = await self.make(type_name, **fields)
        await self.publish(type_name, entry_id)
        return entry_id

    async def get(self, path: str) -> httpx.Response:
        return await self.client.get(f"/v1/delivery/{self.desk.tenant}/{path}")

    async def items(self, query: str = "", type_name: str = "story") -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = expect(await self.get(f"{type_name}?{query}"), 200)["items"]
        return found

    async def slugs(self, query: str = "") -> list[str]:
        return [item["slug"] for item in await self.items(query)]


@pytest.fixture
async def newsroom(acme: Desk) -> Newsroom:
    newsroom = Newsroom(acme)
    expect(await acme.client.put(newsroom.locales, json=GERMAN), 200)
    for content_type in (AUTHOR, TAG, STORY):
        expect(await acme.client.post(newsroom.types, json=content_type), 201)
    return newsroom


@pytest.fixture
async def stories(newsroom: Newsroom) -> Newsroom:
    """Four, the newest last; `d` has nothing but a slug."""
    values: list[dict[str, Any]] = [
        {"note": "x", "price": 10, "hot": True, "day": "2026-01-01", "at": "2026-01-01T00:00:00Z"},
        {
            "note": "y,z",
            "price": 2.5,
            "hot": False,
            "day": "2026-03-01",
            "at": "2026-01-01T00:00:00.5Z",
        },
        {"note": "x", "price": 10.0, "day": "2026-02-01", "at": "2026-01-01T01:30:00+01:00"},
        {},
    ]
    for slug, fields in zip("abcd", values, strict=True):
        await newsroom.issue("story", slug=slug, **fields)
    return newsroom


FILTERS = {
    "": "dcba",
    "filter[slug][eq]=b": "b",
    "filter[slug][in]=a,c,nothing": "ca",
    "filter[slug][ne]=a": "dcb",
    "filter[fields.note][eq]=x": "ca",
    "filter[fields.note][eq]=X": "",
    "filter[fields.note][ne]=x": "db",
    "filter[fields.note][in]=x,y\\,z": "cba",
    "filter[fields.note][nin]=x": "db",
    "filter[fields.note][exists]=false": "d",
    "filter[fields.price][eq]=10.0": "ca",
    "filter[fields.price][gte]=2.5": "cba",
    "filter[fields.price][gt]=2.5": "ca",
    "filter[fields.price][lt]=10": "b",
    "filter[fields.price][gt]=2&filter[fields.price][lte]=9.99": "b",
    "filter[fields.hot][eq]=false": "b",
    "filter[fields.hot][exists]=true": "ba",
    "filter[fields.day][gte]=2026-02-01": "cb",
    "filter[fields.at][gt]=2026-01-01T00:00:00Z": "cb",
    "filter[fields.at][eq]=2026-01-01T01:00:00%2B01:00": "a",
    "filter[fields.note][eq]=x&filter[fields.day][lt]=2026-02-01": "a",
    "filter[publishedAt][gt]=2999-01-01T00:00:00Z": "",
    "filter[publishedAt][gt]=1999-01-01T00:00:00Z": "dcba",
    "sort=publishedAt": "abcd",
    "sort=slug": "abcd",
    "sort=-slug": "dcba",
    "sort=fields.price,slug": "bacd",
    "sort=-fields.price,-slug": "cabd",
    "sort=fields.hot,slug": "bacd",
    "sort=-fields.at,slug": "cbad",
    "sort=fields.day": "acbd",
    "filter[fields.note][eq]=x&sort=publishedAt": "ac",
}


async def test_filters_and_sorts_find_what_they_say(stories: Newsroom) -> None:
    found = {query: "".join(await stories.slugs(query)) for query in FILTERS}
    assert found == FILTERS


SORTS = ["", "sort=publishedAt", "sort=fields.price", "sort=-fields.note,fields.hot", "sort=id"]
NARROWED = ["", "&filter[fields.price][in]=10,2.5", "&filter[fields.note][eq]=x", "&q=x or y"]


async def test_pages_by_any_sort_are_the_whole_list(stories: Newsroom) -> None:
    for sort, narrowed in itertools.product(SORTS, NARROWED):
        query = sort + narrowed
        whole = await stories.slugs(query)
        assert len(whole) == len(set(whole)) >= 2
        for limit in (1, 3):
            pages, cursor = [], ""
            while cursor is not None:
                answer = await stories.get(f"story?{query}&limit={limit}{cursor}")
                page = expect(answer, 200)
                pages += [item["slug"] for item in page["items"]]
                cursor = page["nextCursor"] and f"&cursor={page['nextCursor']}"
            assert pages == whole, query


@pytest.mark.parametrize("slug", ["slug", "fields.slug"])
async def test_pages_by_long_slugs_go_on(stories: Newsroom, slug: str) -> None:
    slugs = ["e" * 100, "e" * 101, "e" * 199 + "a", "e" * 200]
    for each in reversed(slugs):
        await stories.issue("story", slug=each)
    page = expect(await stories.get(f"story?sort={slug}&limit=6"), 200)
    for expected in ([slugs[2]], [slugs[3]]):
        after = f"sort={slug}&limit=1&cursor={page['nextCursor']}"
        page = expect(await stories.get(f"story?{after}"), 200)
        assert [item["slug"] for item in page["items"]] == expected
    assert page["nextCursor"] is None


async def test_a_cursor_goes_on_where_it_was_although_the_list_has_changed(
    stories: Newsroom,
) -> None:
    page = expect(await stories.get("story?sort=-fields.price&limit=1"), 200)
    await stories.issue("story", slug="dearest", price=99)
    rest = await stories.slugs(f"sort=-fields.price&cursor={page['nextCursor']}")
    assert [page["items"][0]["slug"], *rest] in (["c", "a", "b", "d"], ["a", "c", "b", "d"])


async def test_a_cursor_of_another_list_and_a_changed_one_are_refused(stories: Newsroom) -> None:
    page = expect(await stories.get("story?sort=slug&limit=1"), 200)
    cursor = page["nextCursor"]
    for query in (f"sort=-slug&cursor={cursor}", f"sort=slug&cursor={cursor[::-1]}"):
        problem = expect_problem(await stories.get(f"story?{query}"), 400)
        assert problem["errors"][0]["pointer"] == "cursor"


async def test_an_answer_holds_what_was_selected(stories: Newsroom) -> None:
    assert await stories.items("select=slug,fields.price&sort=slug&limit=1") == [
        {"id": (await stories.items("sort=slug"))[0]["id"], "type": "story", "slug": "a"}
        | {"fields": {"price": 10}}
    ]
    (bare,) = await stories.items("select=id&filter[slug][eq]=a")
    assert bare.keys() == {"id", "type"}
    entry = expect(await stories.get("story/a?select=version,fields"), 200)
    assert entry.keys() == {"id", "type", "version", "fields"}
    assert entry["fields"]["note"] == "x"


@pytest.fixture
async def linked(newsroom: Newsroom) -> dict[str, str]:
    """A story of Ada, whose mentor is Bob, with two tags and one that is only a draft."""
    ids = {"bob": await newsroom.issue("author", name="Bob")}
    ids["ada"] = await newsroom.issue("author", name="Ada", mentor=ids["bob"])
    ids["one"] = await newsroom.issue("tag", title={"en": "one"}, keeper=ids["bob"])
    ids["two"] = await newsroom.issue("tag", title={"en": "two", "de": "zwei"})
    ids["draft"] = await newsroom.make("tag", title={"en": "draft"})
    ids["story"] = await newsroom.issue(
        "story",
        slug="linked",
        author=ids["ada"],
        tags=[ids["two"], ids["draft"], ids["one"]],
        title={"en": "Hello", "de": "Hallo"},
        parts=[{"words": {"de": "Worte"}}, {"words": {"en": "words"}}, {}],
    )
    await newsroom.issue("story", slug="lonely")
    return ids


@pytest.mark.usefixtures("linked")
async def test_a_list_with_all_that_it_shows_is_one_statement(pod: Pod, newsroom: Newsroom) -> None:
    """The tenant is set by it, too."""
    expanded = "story?expand=author.mentor,tags.keeper&locale=de"
    expect(await newsroom.get(f"{expanded}&limit=1"), 200)  # and its types are known
    before = statements_run(pod)
    query = "q=linked or lonely or words&filter[slug][ne]=x&sort=-fields.price,slug&limit=1"
    page = expect(await newsroom.get(f"{expanded}&{query}"), 200)
    assert statements_run(pod) - before == {"delivery.list": 1}
    before = statements_run(pod)
    expect(await newsroom.get(f"{expanded}&{query}&cursor={page['nextCursor']}"), 200)
    assert statements_run(pod) - before == {"delivery.list": 1}


async def test_references_are_expanded_to_what_is_published(
    newsroom: Newsroom, linked: dict[str, str]
) -> None:
    plain = expect(await newsroom.get("story/linked"), 200)["fields"]
    assert plain["author"] == linked["ada"]
    assert plain["tags"] == [linked["two"], linked["draft"], linked["one"]]

    entry = expect(await newsroom.get("story/linked?expand=author,tags.keeper"), 200)["fields"]
    assert entry["author"] == expect(await newsroom.get(f"author/{linked['ada']}"), 200)
    assert [tag["id"] for tag in entry["tags"]] == [linked["two"], linked["one"]]
    bob = expect(await newsroom.get(f"author/{linked['bob']}"), 200)
    assert [tag["fields"]["keeper"] for tag in entry["tags"]] == [None, bob]

    listed = await newsroom.items("expand=author,tags.keeper&sort=slug")
    assert listed[0]["fields"] == entry
    assert (listed[1]["fields"]["author"], listed[1]["fields"]["tags"]) == (None, [])
    deep = expect(await newsroom.get("story/linked?expand=author.mentor"), 200)["fields"]
    assert deep["author"]["fields"]["mentor"] == bob


NOTE: dict[str, Any] = {
    "name": "note",
    "displayName": "Note",
    "fields": [
        {"name": "slug", "kind": "slug"},
        {"name": "about", "kind": "reference", "types": ["person", "place", "thing"]},
        {
            "name": "see",
            "kind": "references",
            "types": ["person", "place", "thing"],
            "uniqueItems": False,
            "maxItems": 9,
        },
    ],
}
# Three kinds of `near`: an expansion means something else in each type.
PERSON: dict[str, Any] = {
    "name": "person",
    "displayName": "Person",
    "fields": [
        {"name": "label", "kind": "text", "localised": True},
        {"name": "near", "kind": "reference", "types": ["person", "place"]},
    ],
}
PLACE: dict[str, Any] = {
    "name": "place",
    "displayName": "Place",
    "fields": [
        {
            "name": "near",
            "kind": "references",
            "types": ["place"],
            "uniqueItems": False,
            "maxItems": 9,
        },
        {"name": "data", "kind": "json"},
    ],
}
THING: dict[str, Any] = {
    "name": "thing",
    "displayName": "Thing",
    "fields": [{"name": "near", "kind": "text"}],
}
_ONE = {("note", "about"), ("person", "near")}
_MORE = {("note", "see"), ("place", "near")}


@pytest.fixture
async def notes(newsroom: Newsroom) -> Newsroom:
    for content_type in (THING, PLACE, PERSON, NOTE):
        expect(await newsroom.client.post(newsroom.types, json=content_type), 201)
    issue = newsroom.issue
    hidden = await newsroom.make("place")
    thing = await issue("thing", near="a text, as it is")
    empty = await issue("person")
    bo = await issue("person", label={"en": "}}", "de": '"{}'}, near=empty)
    hill = await issue("place")
    sea = await issue("place", near=[hill, hidden, hill], data={"id": bo, "fields": {}})
    ann = await issue("person", label={"en": "Ann"}, near=sea)
    await issue("note")
    await issue("note", slug="unpublished", about=hidden, see=[hidden])
    await issue("note", slug="twice", about=sea, see=[ann, sea, ann, hidden, bo, ann])
    await issue("note", slug="mixed", about=thing, see=[thing, empty, sea])
    await issue("note", slug="person", about=ann, see=[])
    return newsroom


@pytest.mark.parametrize("more", ["", "&locale=de", "&select=slug,fields.about,fields.see"])
@pytest.mark.parametrize("paths", ["about", "about,see", "about.near,see.near", "see.near"])
async def test_expanded_entries_are_those_that_are_published(
    notes: Newsroom, paths: str, more: str
) -> None:
    """They are what a reader gets who asks for each entry by itself."""
    locale = more if "locale" in more else ""
    published = {
        entry["id"]: entry
        for type_name in ("person", "place", "thing")
        for entry in await notes.items(locale.lstrip("&"), type_name)
    }

    def expanded(entry: dict[str, Any], names: list[list[str]]) -> dict[str, Any]:
        fields = dict(entry["fields"])
        for head in {name[0] for name in names}:
            inner = [name[1:] for name in names if name[0] == head and name[1:]]
            stored = fields.get(head)
            if (entry["type"], head) in _ONE:
                found = published.get(stored)
                fields[head] = found and expanded(found, inner)
            elif (entry["type"], head) in _MORE:
                known = [published[one] for one in stored or [] if one in published]
                fields[head] = [expanded(one, inner) for one in known]
        return {**entry, "fields": fields}

    names = [path.split(".") for path in paths.split(",")]
    plain = await notes.items(f"sort=slug{more}", "note")
    expected = [expanded(entry, names) for entry in plain]
    assert await notes.items(f"sort=slug{more}&expand={paths}", "note") == expected
    assert [
        expect(await notes.get(f"note/{entry['id']}?expand={paths}{more}"), 200) for entry in plain
    ] == expected


async def test_lists_are_filtered_by_reference(newsroom: Newsroom, linked: dict[str, str]) -> None:
    for query in (
        f"filter[fields.author][eq]={linked['ada']}",
        f"filter[fields.author][in]={linked['ada']},{linked['bob']}",
        f"filter[fields.tags][has]={linked['one']}",
        f"filter[fields.tags][hasany]={linked['one']},{linked['two']}",
    ):
        assert await newsroom.slugs(query) == ["linked"]
    assert await newsroom.slugs(f"filter[fields.author][ne]={linked['ada']}") == ["lonely"]
    assert await newsroom.slugs(f"filter[fields.tags][has]={linked['bob']}") == []


async def test_a_locale_falls_back_along_its_chain(
    newsroom: Newsroom, linked: dict[str, str]
) -> None:
    async def told(locale: str) -> Any:
        url = f"story/{linked['story']}?locale={locale}&expand=tags"
        fields = expect(await newsroom.get(url), 200)["fields"]
        tags = [tag["fields"]["title"] for tag in fields["tags"]]
        return fields["title"], [part.get("words") for part in fields["parts"]], tags

    assert await told("de-AT") == ("Hallo", ["Worte", "words", None], ["zwei", "one"])
    assert await told("en") == ("Hello", [None, "words", None], ["two", "one"])
    stored = expect(await newsroom.get("story/linked"), 200)["fields"]
    assert stored["title"] == {"en": "Hello", "de": "Hallo"}
    assert await newsroom.slugs("filter[fields.title][eq]=Hallo&locale=de-AT") == ["linked"]
    assert await newsroom.slugs("filter[fields.title][in]=Hello,x&locale=de") == []
    assert await newsroom.slugs("sort=fields.title&locale=de") == ["linked", "lonely"]


async def test_what_is_unknown_is_refused_with_its_name(stories: Newsroom) -> None:
    for query, name in {
        "fitler[slug][eq]=a": "fitler[slug][eq]",
        "filter[fields.nothing][eq]=a": "filter[fields.nothing][eq]",
        "filter[fields.price][has]=1": "filter[fields.price][has]",
        "sort=fields.tags": "sort",
        "select=fields.nothing": "select",
        "expand=note": "expand",
        "locale=fr": "locale",
        "limit=1000": "limit",
    }.items():
        answer = await stories.get(f"story?{query}")
        problem = expect_problem(answer, 400)
        assert [error["pointer"] for error in problem["errors"]] == [name]
        assert answer.headers["cache-control"] == "no-store"
    expect_problem(await stories.get("story/a?limit=1"), 400)
    expect_problem(await stories.get("nothing?filter[slug][eq]=a"), 404)


async def test_a_change_of_the_type_is_known_to_the_next_query(stories: Newsroom) -> None:
    expect_problem(await stories.get("story?sort=fields.late"), 400)
    late = {"name": "late", "kind": "number"}
    changed = {"displayName": "Story", "fields": [*STORY["fields"], late]}
    expect(await stories.client.put(f"{stories.types}/story", json=changed), 200)
    assert await stories.slugs("sort=fields.late,slug") == list("abcd")


async def test_an_expanded_entry_that_changes_shows_at_once(
    newsroom: Newsroom, linked: dict[str, str]
) -> None:
    url = "story/linked?expand=author&select=fields.author"
    expect(await newsroom.get(url), 200)
    await newsroom.replace("author", linked["ada"], name="Ada Lovelace")
    await newsroom.publish("author", linked["ada"])
    author = expect(await newsroom.get(url), 200)["fields"]["author"]
    assert author["fields"] == {"name": "Ada Lovelace"}
    expect(
        await newsroom.client.post(f"{newsroom.entries('author')}/{linked['ada']}/unpublish"), 200
    )
    assert expect(await newsroom.get(url), 200)["fields"]["author"] is None


async def test_a_query_sees_nothing_of_another_tenant(linked: dict[str, str], globex: Desk) -> None:
    other = Newsroom(globex)
    for content_type in (AUTHOR, TAG, STORY):
        expect(await globex.client.post(other.types, json=content_type), 201)
    await other.issue("story", slug="theirs")
    assert await other.slugs("filter[slug][in]=linked,theirs&expand=author,tags") == ["theirs"]
    assert await other.items(f"filter[id][eq]={linked['story']}") == []


async def test_a_key_for_one_type_expands_nothing_of_another(
    newsroom: Newsroom, linked: dict[str, str]
) -> None:
    expanded = f"/v1/delivery/acme/story/{linked['story']}?expand=author"
    expect(await newsroom.client.get(expanded), 200)  # from now on in the cache
    rules = [{"permissions": ["delivery:read"], "contentTypes": ["story"]}]
    new = {"name": "stories", "rules": rules}
    made = expect(await newsroom.client.post(f"{newsroom.desk.root}/api-keys", json=new), 201)
    newsroom.client.headers["Authorization"] = f"Bearer {made['key']}"
    assert expect(await newsroom.get("story/linked"), 200)["fields"]["author"] == linked["ada"]
    for query in ("story/linked?expand=author", "story?expand=author", "story?expand=tags"):
        expect_problem(await newsroom.get(query), 403)
    expect_problem(await newsroom.client.get(expanded), 403)


async def test_what_is_published_is_found_by_its_words(newsroom: Newsroom, globex: Desk) -> None:
    fox = await newsroom.issue("story", slug="a", note="a quick fox", price=1)
    await newsroom.issue("story", slug="b", note="fox after fox", price=2)
    await newsroom.issue("story", slug="c", note="a bear", title={"de": "Der fox"}, price=3)
    await newsroom.make("story", slug="d", note="a fox that is only a draft")
    await newsroom.issue("author", name="fox of another type")
    other = Newsroom(globex)
    expect(await globex.client.post(other.types, json=AUTHOR), 201)
    await other.issue("author", name="the fox of another tenant")

    assert (await newsroom.slugs("q=fox"))[0] == "b", "the best first"
    assert sorted(await newsroom.slugs("q=fox")) == ["a", "b", "c"]
    assert await newsroom.slugs('q="quick fox"') == ["a"]
    assert await newsroom.slugs("q=fox -bear&sort=-slug") == ["b", "a"]
    assert await newsroom.slugs("q=fox&filter[fields.price][gte]=2&sort=slug") == ["b", "c"]
    assert await newsroom.slugs("q=fox&filter[fields.note][eq]=a bear") == ["c"]
    assert await newsroom.slugs("q=tenant:x' or !!") == []
    found = await newsroom.items("q=other or another", "author")
    assert [item["fields"]["name"] for item in found] == ["fox of another type"]

    await newsroom.replace("story", fox, slug="a", note="not said yet")
    assert "a" in await newsroom.slugs("q=fox"), "as it is published"
    expect(await newsroom.client.post(f"{newsroom.entries('story')}/{fox}/unpublish"), 200)
    assert sorted(await newsroom.slugs("q=fox")) == ["b", "c"]


# Of 10,000 entries: 100 authors, five states.
_MANY = """
WITH made AS (
    SELECT gen_random_uuid() AS id, n, jsonb_build_object(
        'slug', 'story-' || n, 'note', 'state ' || n % 5, 'price', n,
        'author', '0190a000-0000-7000-8000-' || lpad((n % 100)::text, 12, '0'),
        'tags', jsonb_build_array('0190b000-0000-7000-8000-' || lpad((n % 50)::text, 12, '0'))
    ) AS fields FROM generate_series(1, 10000) n),
entries AS (
    INSERT INTO cms.entries (tenant_id, id, content_type_id, slug, fields)
    SELECT $1, id, $2, fields->>'slug', fields FROM made)
INSERT INTO cms.published_entries
    (tenant_id, entry_id, content_type_id, slug, fields, version, published_at)
SELECT $1, id, $2, fields->>'slug', fields, 1, now() - n * interval '1 minute' FROM made
"""
AUTHOR_7 = "0190a000-0000-7000-8000-000000000007"
TAG_7 = "0190b000-0000-7000-8000-000000000007"
COMMON = [
    "",
    "sort=publishedAt",
    "filter[publishedAt][lt]=2020-01-01T00:00:00Z",
    "filter[slug][eq]=story-77",
    "filter[slug][in]=story-7,story-77",
    "filter[fields.note][eq]=state 3",
    "filter[fields.note][eq]=nothing",
    "filter[fields.price][eq]=77",
    f"filter[fields.author][eq]={AUTHOR_7}",
    f"filter[fields.author][eq]={AUTHOR_7}&expand=author,tags",
    f"filter[fields.author][in]={AUTHOR_7}&sort=-fields.price",
    f"filter[fields.tags][has]={TAG_7}",
    f"filter[fields.tags][hasany]={TAG_7}",
    "q=story-7",
]


@pytest.fixture
async def archive(site: Site, newsroom: Newsroom) -> ContentType:
    assert newsroom  # makes the types
    tenant = await tenant_id(site, "acme")
    connection = await asyncpg.connect(site.postgres.superuser_url(site.database))
    try:
        row = await connection.fetchrow(
            """SELECT c.*, n.locales FROM cms.content_types c
               JOIN cms.tenants n ON n.id = c.tenant_id
               WHERE c.tenant_id = $1 AND c.name = 'story'""",
            tenant,
        )
        await connection.execute(_MANY, tenant, row and row["id"])
        await connection.execute("ANALYZE")
    finally:
        await connection.close()
    assert row is not None
    fields, locales = orjson.loads(row["fields"]), orjson.loads(row["locales"])
    members = {key: row[key] for key in ("id", "name", "version")} | {
        "displayName": "Story",
        "createdAt": row["created_at"],
        "updatedAt": row["updated_at"],
        "fields": fields,
        "locales": locales,
    }
    return ContentType.model_validate(members)


async def test_common_lists_of_10000_entries_read_few_of_them(
    site: Site, archive: ContentType
) -> None:
    tenant = await tenant_id(site, "acme")
    user_info = f"{SERVICE_ROLE}:{SERVICE_PASSWORD}"
    connection = await asyncpg.connect(site.postgres.url(site.database, user_info))
    try:
        for generic in (False, True):
            mode = "force_generic_plan" if generic else "force_custom_plan"
            await connection.execute(f"SET plan_cache_mode = {mode}")
            for text in COMMON:
                plan = await explain(connection, tenant, archive, text.replace(" ", "%20"))
                most = max(
                    (node["Actual Rows"] + node.get("Rows Removed by Filter", 0))
                    * node["Actual Loops"]
                    for node in nodes(plan)
                    if str(node.get("Relation Name", "")).startswith("published_")
                )
                assert most <= 250, f"{text}: {most} rows with {mode}"
    finally:
        await connection.close()


async def explain(
    connection: "asyncpg.Connection[asyncpg.Record]", tenant: UUID, story: ContentType, text: str
) -> Any:
    query = parse_list_query(text.encode())
    other = story.model_copy(update={"name": "other", "fields": ()})
    types = dict.fromkeys(("author", "tag"), other)
    plan = list_plan(query, story)
    shape = entry_shape(query, story, types, plan.limit)
    sql = statements.list_statement(plan, shape, goes_on=False).of(plan, None)
    explained = f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {sql.text}"
    row = await connection.fetchval(explained, tenant, *sql.values)
    return orjson.loads(row)[0]["Plan"]


def nodes(plan: Any) -> Any:
    yield plan
    for inner in plan.get("Plans", ()):
        yield from nodes(inner)


BOOK: dict[str, Any] = {
    "name": "book",
    "displayName": "Book",
    "fields": [
        {"name": "slug", "kind": "slug"},
        {"name": "text", "kind": "text", "maxLength": 100_000},
        {"name": "sequels", "kind": "references", "types": ["book"], "maxItems": 50},
    ],
}


async def test_an_answer_too_large_for_a_pod_is_refused_and_says_how_to_ask_for_less(
    acme: Desk,
) -> None:
    newsroom = Newsroom(acme)
    expect(await acme.client.post(newsroom.types, json=BOOK), 201)
    text = "\N{PARTY POPPER}" * 100_000
    fitting = statements.MAX_ANSWER_BYTES // len(text.encode())
    books = [
        await newsroom.issue("book", slug=f"book-{number}", text=text)
        for number in range(fitting + 1)
    ]
    await newsroom.issue("book", slug="complete", sequels=books)

    for path in (
        f"book?limit={fitting + 2}",
        "book/complete?expand=sequels",
        "book?filter[slug][eq]=complete&expand=sequels",
    ):
        detail = expect_problem(await newsroom.get(path), 400)["detail"]
        assert "more than 8 MiB" in detail
        assert "limit, select or expand" in detail

    page = expect(await newsroom.get(f"book?limit={fitting}&filter[slug][ne]=complete"), 200)
    assert [item["fields"]["text"] == text for item in page["items"]] == [True] * fitting
    rest = await newsroom.get(
        f"book?limit={fitting}&filter[slug][ne]=complete&cursor={page['nextCursor']}"
    )
    assert [item["slug"] for item in expect(rest, 200)["items"]] == ["book-0"]
    assert len(await newsroom.items("limit=100&select=slug", "book")) == fitting + 2
    assert expect(await newsroom.get("book/complete"), 200)["fields"]["sequels"] == books


async def test_an_entry_counts_each_time_that_it_is_shown(acme: Desk) -> None:
    newsroom = Newsroom(acme)
    expect(await acme.client.post(newsroom.types, json=BOOK), 201)
    fitting = statements.MAX_ANSWER_BYTES // 100_000
    large = await newsroom.issue("book", slug="large", text="x" * 100_000)
    for number in range(fitting + 1):
        await newsroom.issue("book", slug=f"small-{number:03}", sequels=[large])

    expanded = f"book?filter[fields.sequels][has]={large}&expand=sequels&sort=slug"
    assert len(await newsroom.items("limit=100&select=slug", "book")) == fitting + 2
    page = expect(await newsroom.get(f"{expanded}&limit={fitting - 1}"), 200)
    assert all(item["fields"]["sequels"][0]["id"] == large for item in page["items"])
    for limit in (fitting + 1, 100):
        refused = expect_problem(await newsroom.get(f"{expanded}&limit={limit}"), 400)
        assert "more than 8 MiB" in refused["detail"]
