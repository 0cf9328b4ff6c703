"""What of an entry somebody sees, and what their writing leaves as it was."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from cms_service.auth.actor import Actor
from cms_service.auth.permissions import OF_FIELDS, Permission, Rule, Subject
from cms_service.content_types.fields import Completeness, Context, accept_all
from cms_service.content_types.schemas import ContentType
from cms_service.core.errors import Forbidden, Invalid
from cms_service.entries.past import Past
from cms_service.entries.schemas import Entry, Published, Referrer
from cms_service.entries.visibility import (
    about,
    declined,
    reads_all,
    referrer_shown,
    shown,
    written,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LOCALES = {"default": "en", "locales": [{"code": "en"}, {"code": "de"}]}
ARTICLE = ContentType.model_validate(
    {
        "id": UUID(int=1),
        "name": "article",
        "displayName": "Article",
        "fields": [{"name": name, "kind": "text"} for name in ("title", "body", "price")]
        + [
            {"name": "slug", "kind": "slug"},
            {"name": "lead", "kind": "text", "localised": True},
            {
                "name": "author",
                "kind": "component",
                "fields": [{"name": "about", "kind": "text", "localised": True}],
            },
        ],
        "version": 1,
        "createdAt": NOW,
        "updatedAt": NOW,
        "locales": LOCALES,
    }
)
ALL = Rule(OF_FIELDS)
UPDATE = frozenset({Permission.UPDATE_ENTRIES})
READ = frozenset({Permission.READ_ENTRIES})


def actor(*rules: Rule) -> Actor:
    return Actor(UUID(int=9), "acme", UUID(int=3), Subject("The role writer", rules, UUID(int=3)))


def without(permissions: frozenset[Permission], *fields: str) -> Rule:
    return Rule(permissions, allow=False, fields=frozenset(fields))


def entry(**fields: Any) -> Entry:
    return Entry(
        id=UUID(int=2),
        type="article",
        version=1,
        slug="hello",
        fields=fields,
        created_at=NOW,
        created_by=UUID(int=3),
        updated_at=NOW,
        updated_by=None,
        published=Published(version=1, slug="hello", published_at=NOW),
    )


STORED = entry(title="Hello", price="7", slug="hello")


def test_fields_that_may_not_be_read_are_left_out() -> None:
    seen = shown(actor(ALL, without(READ, "price")), ARTICLE, STORED)
    assert (seen.fields, seen.slug) == ({"title": "Hello", "slug": "hello"}, "hello")


def test_a_slug_that_may_not_be_read_is_nowhere_in_the_answer() -> None:
    seen = shown(actor(ALL, without(READ, "slug")), ARTICLE, STORED)
    assert "hello" not in seen.model_dump_json()


@pytest.mark.parametrize(
    ("denied", "wanted", "stored"),
    [
        ((), {"title": "New"}, {"title": "New"}),
        (
            (without(UPDATE, "price", "slug"),),
            {"title": "New"},
            {"title": "New", "price": "7", "slug": "hello"},
        ),
        # sent back as it was read
        (
            (without(UPDATE, "price"),),
            {"title": "New", "price": "7"},
            {"title": "New", "price": "7"},
        ),
        # not seen, hence not sent back
        ((without(READ, "price"),), {"title": "New"}, {"title": "New", "price": "7"}),
        ((without(READ, "price"),), {"price": "8"}, {"price": "8"}),
    ],
)
def test_what_may_not_be_written_or_seen_stays(
    denied: tuple[Rule, ...], wanted: dict[str, Any], stored: dict[str, Any]
) -> None:
    who = actor(ALL, *denied)
    assert written(who, Permission.UPDATE_ENTRIES, ARTICLE, STORED, wanted) == stored


@pytest.mark.parametrize(
    ("denied", "wanted"),
    [
        ((without(UPDATE, "price"),), {"title": "New", "price": "8"}),
        # not seen: to accept the same value would tell what it is
        ((without(UPDATE | READ, "price"),), {"title": "New", "price": "7"}),
        ((without(UPDATE, "price"),), {"price": ["7"]}),
    ],
)
def test_a_write_of_another_value_is_refused_by_name(
    denied: tuple[Rule, ...], wanted: dict[str, Any]
) -> None:
    with pytest.raises(Forbidden) as refused:
        written(actor(ALL, *denied), Permission.UPDATE_ENTRIES, ARTICLE, STORED, wanted)
    assert [error.pointer for error in refused.value.errors] == ["/fields/price"]


def without_price(*denied: Rule) -> dict[str, Any]:
    return written(
        actor(ALL, *denied),
        Permission.UPDATE_ENTRIES,
        ARTICLE,
        STORED,
        {"title": "Hello", "slug": "hello"},
        left_out_on_purpose=True,
    )


def test_to_leave_out_on_purpose_what_one_sees_is_a_write() -> None:
    assert without_price() == {"title": "Hello", "slug": "hello"}
    assert without_price(without(UPDATE | READ, "price")) == STORED.fields
    with pytest.raises(Forbidden) as refused:
        without_price(without(UPDATE, "price"))
    assert [error.pointer for error in refused.value.errors] == ["/fields/price"]


def test_a_new_entry_is_ones_own() -> None:
    own = actor(Rule(OF_FIELDS, own=True))
    assert written(own, Permission.CREATE_ENTRIES, ARTICLE, None, {"title": "A"}) == {"title": "A"}
    others = STORED.model_copy(update={"created_by": None})
    with pytest.raises(Forbidden):
        written(own, Permission.UPDATE_ENTRIES, ARTICLE, others, {"title": "A"})


CREATE = frozenset({Permission.CREATE_ENTRIES})


@pytest.mark.parametrize(
    ("rules", "wanted", "begins_without"),
    [
        ((ALL,), {"title": None, "lead": {"en": None}, "price": "7"}, {"title", "lead"}),
        ((ALL,), {"lead": {}, "body": None, "unknown": None}, {"lead", "body"}),
        ((ALL, without(CREATE, "title")), {"title": None, "body": None}, {"body"}),
        ((ALL, Rule(CREATE, allow=False, locales=frozenset({"en"}))), {"lead": None}, set()),
        ((ALL, Rule(CREATE, allow=False, locales=frozenset({"de"}))), {"lead": None}, {"lead"}),
    ],
)
def test_a_null_declines_a_default_that_one_may_write(
    rules: tuple[Rule, ...], wanted: dict[str, Any], begins_without: set[str]
) -> None:
    who = actor(*rules)
    values = written(who, Permission.CREATE_ENTRIES, ARTICLE, None, wanted)
    assert declined(who, ARTICLE, wanted, values) == begins_without


GERMAN = Rule(OF_FIELDS, locales=frozenset({"de"}))
NOT_GERMAN = Rule(OF_FIELDS, allow=False, locales=frozenset({"de"}))
TRANSLATED = entry(
    title="Hello",
    lead={"en": "Short", "de": "Kurz"},
    author={"about": {"en": "Writes", "de": "Schreibt"}},
)


def test_locales_that_may_not_be_read_are_left_out() -> None:
    assert shown(actor(GERMAN), ARTICLE, TRANSLATED).fields == {"lead": {"de": "Kurz"}}
    seen = shown(actor(ALL, NOT_GERMAN), ARTICLE, TRANSLATED).fields
    assert seen == {"title": "Hello", "lead": {"en": "Short"}}


def test_a_translator_writes_one_locale_and_leaves_the_others() -> None:
    translator = actor(Rule(READ), GERMAN)
    wanted = {"lead": {"de": "Knapp"}}
    assert written(translator, Permission.UPDATE_ENTRIES, ARTICLE, TRANSLATED, wanted) == {
        **TRANSLATED.fields,
        "lead": {"en": "Short", "de": "Knapp"},
    }
    wanted = {"lead": {"de": "Knapp", "en": "Brief"}}
    with pytest.raises(Forbidden) as refused:
        written(translator, Permission.UPDATE_ENTRIES, ARTICLE, TRANSLATED, wanted)
    assert [error.pointer for error in refused.value.errors] == ["/fields/lead/en"]


@pytest.mark.parametrize(
    "value",
    ["Knapp", ["Knapp"], {"": "Knapp", "de": "Knapp"}, {"de": "Knapp", "": {"en": "Brief"}}],
)
def test_a_wrong_value_for_locales_stays_for_the_type_to_refuse(value: Any) -> None:
    editor = actor(ALL, Rule(UPDATE, allow=False, locales=frozenset({"en"})))
    stored = written(editor, Permission.UPDATE_ENTRIES, ARTICLE, TRANSLATED, {"lead": value})
    kept = {"en": "Short", **value} if isinstance(value, dict) else value
    assert stored["lead"] == kept
    context = Context(Completeness.DRAFT, ARTICLE.locales)
    _, errors = accept_all(ARTICLE.fields, stored, context)
    assert errors[0].pointer.startswith("/fields/lead")


def test_a_type_without_fields_is_not_everybodys() -> None:
    empty = ARTICLE.model_copy(update={"fields": ()})
    assert reads_all(actor(ALL), empty, own=False)
    assert not reads_all(actor(Rule(READ, content_types=frozenset({"page"}))), empty, own=True)
    assert not reads_all(actor(Rule(READ, own=True)), empty, own=False)


OWN = Rule(OF_FIELDS, own=True)


@pytest.mark.parametrize(
    ("rules", "all_entries", "own_entries"),
    [
        ((ALL,), True, True),
        ((OWN,), False, True),
        ((ALL, without(READ, "price")), False, False),
        ((ALL, without(READ, "other")), True, True),
        ((ALL, NOT_GERMAN), False, False),
        ((GERMAN,), False, False),
        ((OWN, NOT_GERMAN), False, False),
        ((GERMAN, OWN), False, True),
    ],
)
def test_who_reads_everything_of_a_type(
    rules: tuple[Rule, ...], all_entries: object, own_entries: object
) -> None:
    assert reads_all(actor(*rules), ARTICLE, own=False) is all_entries
    assert reads_all(actor(*rules), ARTICLE, own=True) is own_entries


@pytest.mark.parametrize(
    ("rules", "sees"),
    [
        ((ALL,), True),
        ((Rule(OF_FIELDS, content_types=frozenset({"page"})),), False),
        ((GERMAN,), False),
    ],
)
def test_what_refers_to_an_entry_is_told_to_who_may_read_all_of_it(
    rules: tuple[Rule, ...], sees: object
) -> None:
    referrer = Referrer(
        id=UUID(int=5),
        type="article",
        slug="hello",
        created_at=NOW,
        fields=["related"],
        published_fields=["related"],
    )
    seen = referrer_shown(actor(*rules), referrer)
    assert (seen == referrer) is sees
    assert ("hello" in seen.model_dump_json()) is sees
    assert ("related" in seen.model_dump_json()) is sees


def test_more_locales_than_there_can_be_are_refused_before_each_is_asked_for() -> None:
    wanted = {"lead": {f"l{number}": "x" for number in range(51)}}
    with pytest.raises(Invalid) as refused:
        written(actor(ALL), Permission.UPDATE_ENTRIES, ARTICLE, STORED, wanted)
    assert [error.pointer for error in refused.value.errors] == ["/fields/lead"]


class Counted(tuple[Rule, ...]):  # noqa: SLOT001 - it counts
    """Rules that know how often somebody has gone through them."""

    times = 0

    def __iter__(self) -> Iterator[Rule]:
        self.times += 1
        return super().__iter__()


def test_rules_are_gone_through_for_one_entry_and_not_for_each_of_a_list() -> None:
    """A hundred entries took seconds, in which nobody else was answered."""
    rules = Counted([ALL, *(without(READ, f"f{number}") for number in range(49))])
    reader = actor(*rules)
    reader = replace(reader, subject=replace(reader.subject, rules=rules))
    full = entry(title="a", lead={"en": "a", "de": "b"}, author={"about": {"en": "a"}})
    before = Past(reader, ARTICLE, about(reader, "article", full), NOW - timedelta(days=1))
    shown(reader, ARTICLE, full)
    before.shown(full.fields)
    times = rules.times
    for _ in range(100):
        shown(reader, ARTICLE, full)
        before.shown(full.fields)
    assert 0 < rules.times == times
