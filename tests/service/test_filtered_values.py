"""What lists are filtered by is kept beside what is published: that and no more."""

from typing import Any

import pytest

from cms_service.delivery.query.attributes import ValueKind, kind_of
from tests.service.test_type_changes import SLUG, TITLE, VIEWS, WORD, Architect
from tests.service.test_type_changes import architect as architect  # noqa: PLC0414 - a fixture
from tests.service.world import Desk, Site, execute, expect
from tests.support.field_kinds import KINDS, LOCALISABLE, field

DATA = {"name": "data", "kind": "json"}
_OLD_RELEASE = """INSERT INTO cms.published_terms (tenant_id, entry_id, term, content_type_id,
                                                 published_at)
    SELECT tenant_id, entry_id, n, content_type_id, published_at
    FROM cms.published_entries, generate_series(1, 1536) n"""


async def kept(site: Site) -> int:
    return len(await site.fetch("SELECT FROM cms.published_terms"))


async def found(desk: Desk, query: str) -> list[str]:
    answer = await desk.client.get(f"{desk.delivery}?{query}")
    return [item["slug"] for item in expect(answer, 200)["items"]]


FIELDS = [field(kind) for kind in KINDS] + [field(kind, localised=True) for kind in LOCALISABLE]


async def test_the_database_keeps_the_values_of_just_the_fields_that_lists_look_up(
    site: Site,
) -> None:
    """A kind that only one of them knows would make empty lists, or an index without a use."""
    asked = ", ".join(f"('{one.model_dump_json(by_alias=True)}'::jsonb)" for one in FIELDS)
    kept = await site.fetch(
        f"SELECT f->>'kind', f->>'localised' FROM (VALUES {asked}) v (f) WHERE cms.is_filtered(f)"  # noqa: S608
    )
    assert [(row[0], row[1] == "true") for row in kept] == [
        (one.kind, False)
        for one in FIELDS
        if kind_of(one) is not ValueKind.OPAQUE and not getattr(one, "localised", False)
    ]


async def test_the_numbers_of_an_embedding_are_no_values_to_filter_by(
    site: Site, architect: Architect
) -> None:
    await architect.change(TITLE, SLUG, VIEWS, DATA)
    desk = architect.desk
    entry = await desk.publish_new(
        title="Hello", slug="hello", views=7, data=[number / 1536 for number in range(1536)]
    )
    assert await kept(site) == 3
    assert await found(desk, "filter[fields.views][eq]=7") == ["hello"]

    await execute(site.postgres, site.database, _OLD_RELEASE)
    await desk.publish(entry["id"])
    assert await kept(site) == 3, "what was there before goes with the next publication"
    assert await found(desk, "filter[fields.title][eq]=Hello") == ["hello"]


async def test_what_is_published_again_is_found_by_its_new_values_in_its_new_place(
    architect: Architect,
) -> None:
    desk = architect.desk
    first = await desk.publish_new(title="Hello", slug="first", views=1)
    await desk.publish_new(title="Hello", slug="second", views=1)
    body = {"fields": {"title": "Hello", "slug": "first", "views": 2}}
    expect(await desk.client.put(f"{desk.entries}/{first['id']}", json=body), 200)
    await desk.publish(first["id"])
    assert await found(desk, "filter[fields.views][eq]=1") == ["second"]
    assert await found(desk, "filter[fields.views][eq]=2") == ["first"]
    assert await found(desk, "filter[fields.title][eq]=Hello") == ["first", "second"]


LOCALISED = WORD | {"localised": True}
CHANGES: dict[str, tuple[Any, Any, Any]] = {
    "a value that stays as it is": (DATA | {"name": "word"}, "same", WORD),
    "a value for each locale becomes one": (LOCALISED, {"en": "same"}, WORD),
    "another name": (WORD | {"name": "term"}, "same", WORD | {"renamedFrom": "term"}),
    "another name and kind": (DATA, "same", WORD | {"renamedFrom": "data"}),
    "another kind that is filtered": (WORD, "same", WORD | {"kind": "slug"}),
}


@pytest.mark.parametrize("change", CHANGES)
async def test_lists_are_filtered_by_a_field_that_its_type_made_anew(
    architect: Architect, change: str
) -> None:
    old, value, new = CHANGES[change]
    slug = [] if new["kind"] == "slug" else [SLUG]
    await architect.change(
        TITLE, *slug, old, query=await acknowledged(architect, TITLE, *slug, old)
    )
    desk = architect.desk
    fields = {"title": "Hello", old["name"]: value} | {one["name"]: "hello" for one in slug}
    entry = await desk.publish_new(**fields)
    plan = await architect.plan(TITLE, *slug, new)
    await architect.change(TITLE, *slug, new, query=f"?acknowledge={plan['id']}")
    answer = await desk.client.get(f"{desk.delivery}?filter[fields.word][eq]=same")
    assert [item["id"] for item in expect(answer, 200)["items"]] == [entry["id"]]


async def acknowledged(architect: Architect, *fields: object) -> str:
    return f"?acknowledge={(await architect.plan(*fields))['id']}"


async def test_lists_are_filtered_by_references_under_another_name(architect: Architect) -> None:
    links = {"kind": "references", "types": ["article"]}
    await architect.change(TITLE, SLUG, links | {"name": "links"})
    desk = architect.desk
    target = await desk.publish_new(title="Target", slug="target")
    await desk.publish_new(title="Hello", slug="hello", links=[target["id"]])
    await architect.change(TITLE, SLUG, links | {"name": "related", "renamedFrom": "links"})
    assert await found(desk, f"filter[fields.related][has]={target['id']}") == ["hello"]


@pytest.mark.parametrize(
    ("kind", "value"), [("number", 3), ("boolean", True), ("date", "2026-01-31")]
)
async def test_lists_are_filtered_by_what_a_change_of_the_type_wrote(
    architect: Architect, kind: str, value: object
) -> None:
    asked = str(value).lower()
    before, word = ({"name": name, "kind": kind} for name in ("before", "word"))
    await architect.change(TITLE, SLUG, before)
    await architect.desk.publish_new(title="Hello", slug="hello", before=value)
    await architect.change(TITLE, SLUG, word | {"renamedFrom": "before"})
    assert await found(architect.desk, f"filter[fields.word][eq]={asked}") == ["hello"]

    new = {"name": "new", "kind": kind, "required": True, "default": value}
    await architect.change(TITLE, SLUG, word, new)
    assert await found(architect.desk, f"filter[fields.new][eq]={asked}") == ["hello"]
