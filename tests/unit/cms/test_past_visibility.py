"""Who is denied something does not see it either in what an entry was before its type changed."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cms_service.auth.actor import Actor
from cms_service.auth.permissions import Permission, Resource, Rule, Subject
from cms_service.content_types.schemas import ContentType
from cms_service.entries.past import Past
from cms_service.entries.places import reads_whole_type

READ = frozenset({Permission.READ_ENTRIES})
NOT_GERMAN = Rule(READ, allow=False, locales=frozenset({"de", "fr"}))
RESOURCE = Resource("article", own=False)
SAVED = datetime(2026, 1, 2, tzinfo=UTC)
TRANSLATED = {"body": {"en": "Hello", "de": "Geheim"}}


def reader(*rules: Rule) -> Actor:
    return Actor(UUID(int=9), "acme", UUID(int=3), Subject("The role", rules, UUID(int=3)))


def article(*fields: dict[str, Any], since: Mapping[str, datetime] | None = None) -> ContentType:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    return ContentType.model_validate(
        {
            "id": UUID(int=1),
            "name": "article",
            "displayName": "Article",
            "fields": list(fields),
            "version": 2,
            "createdAt": now,
            "updatedAt": now,
            "locales": {"default": "en", "locales": [{"code": "en"}, {"code": "de"}]},
            "fieldsSince": since or {},
        }
    )


TITLE = {"name": "title", "kind": "text"}
BODY = {"name": "body", "kind": "text"}


@pytest.mark.parametrize(
    ("today", "seen"),
    [
        (article({**BODY, "localised": True}), {"body": {"en": "Hello"}}),
        (article(BODY), {"body": {"en": "Hello"}}),
        (article(TITLE), {}),
    ],
    ids=["as it was", "no longer localised", "removed"],
)
def test_a_denied_locale_is_in_no_version(today: ContentType, seen: dict[str, Any]) -> None:
    who = reader(Rule(READ), NOT_GERMAN)
    assert Past(who, today, RESOURCE, SAVED).shown(TRANSLATED) == seen
    assert Past(reader(Rule(READ)), today, RESOURCE, SAVED).shown(TRANSLATED) == TRANSLATED


@pytest.mark.parametrize(
    ("before", "seen"),
    [
        ({"body": {"de": "Geheim"}}, {}),
        # a locale that the tenant has no more
        ({"body": {"en": "Hello", "fr": "Secret"}}, {"body": {"en": "Hello"}}),
        # inside of what was a component
        (
            {"parts": [{"about": {"en": "Hello", "de": "Geheim"}, "at": 1}]},
            {"parts": [{"about": {"en": "Hello"}, "at": 1}]},
        ),
        (
            {"body": {"de": 1, "headline": 2}, "tags": {}},
            {"body": {"de": 1, "headline": 2}, "tags": {}},
        ),
    ],
)
def test_only_values_of_locales_are_taken_for_such(
    before: dict[str, Any], seen: dict[str, Any]
) -> None:
    who = reader(Rule(READ), NOT_GERMAN)
    today = article(*({"name": name, "kind": "text"} for name in ("body", "parts", "tags")))
    assert Past(who, today, RESOURCE, SAVED).shown(before) == seen


def test_who_reads_one_locale_reads_nothing_that_has_none_today() -> None:
    english = reader(Rule(READ, locales=frozenset({"en"})))
    assert Past(english, article(BODY), RESOURCE, SAVED).shown(TRANSLATED) == {}


SLUG = {"name": "path", "kind": "slug"}
NO_PATH = Rule(READ, allow=False, fields=frozenset({"path"}))


@pytest.mark.parametrize(
    ("rules", "today", "reads"),
    [
        ((Rule(READ),), article(SLUG), True),
        ((Rule(READ),), article(TITLE), True),
        ((Rule(READ), NO_PATH), article(SLUG), False),
        ((Rule(READ), NO_PATH), article(TITLE), False),
        ((Rule(READ, fields=frozenset({"title"})),), article(TITLE), False),
    ],
)
def test_a_slug_whose_field_is_gone_is_for_who_reads_everything(
    rules: tuple[Rule, ...], today: ContentType, *, reads: bool
) -> None:
    assert Past(reader(*rules), today, RESOURCE, SAVED).reads_slug() is reads


def test_a_slug_of_another_field_is_for_who_reads_everything() -> None:
    today = article(SLUG, since={"path": SAVED + timedelta(seconds=1)})
    elsewhere = Rule(READ, allow=False, fields=frozenset({"url"}))
    assert Past(reader(Rule(READ)), today, RESOURCE, SAVED).reads_slug()
    assert not Past(reader(Rule(READ), elsewhere), today, RESOURCE, SAVED).reads_slug()


@pytest.mark.parametrize(
    ("since", "sees"),
    [
        ({}, True),
        ({"body": SAVED}, True),
        ({"body": SAVED + timedelta(seconds=1)}, False),
        ({"title": SAVED + timedelta(seconds=1)}, True),
    ],
)
def test_a_value_is_read_like_todays_where_it_is_the_same_field(
    since: dict[str, datetime], *, sees: bool
) -> None:
    today = article(TITLE, BODY, since=since)
    who = reader(Rule(READ), Rule(READ, allow=False, fields=frozenset({"title"})))
    seen = Past(who, today, RESOURCE, SAVED).shown({"body": "Hello", "title": "Secret"})
    assert seen == ({"body": "Hello"} if sees else {})


def test_a_type_whose_fields_history_is_not_known_has_had_them_since_its_last_change() -> None:
    who = reader(Rule(READ), Rule(READ, allow=False, fields=frozenset({"title"})))
    earlier = article(BODY).updated_at - timedelta(seconds=1)
    assert Past(who, article(BODY), RESOURCE, earlier).shown({"body": "Hello"}) == {}
    assert Past(reader(Rule(READ)), article(BODY), RESOURCE, earlier).shown({"body": "Hello"})


NAMES = st.sampled_from(["a", "b", "c"])
CHANGES = st.lists(st.tuples(NAMES, st.none() | NAMES), max_size=6)
RULES = st.builds(
    Rule, st.just(READ), allow=st.booleans(), fields=st.none() | st.frozensets(NAMES, min_size=1)
)


def changed(fields: dict[str, int], old: str, new: str | None, made: int) -> dict[str, int]:
    """Which field has which name after one is renamed, or removed, or made where there is none."""
    if new in fields:
        return fields
    others = {name: field for name, field in fields.items() if name != old}
    return others if new is None else others | {new: fields.get(old, made)}


@given(CHANGES, CHANGES, st.lists(RULES, max_size=3))
def test_nobody_sees_in_the_past_what_the_present_denies(
    before: list[tuple[str, str | None]], later: list[tuple[str, str | None]], rules: list[Rule]
) -> None:
    fields, since = {"a": 1, "b": 2}, {"a": SAVED, "b": SAVED}
    stored, moment = fields, SAVED
    for at, change in enumerate([*before, *later], 3):
        fields = changed(fields, *change, made=at)
        since = {name: since.get(name, SAVED + timedelta(seconds=at)) for name in fields}
        if at == len(before) + 2:
            stored, moment = fields, SAVED + timedelta(seconds=at)
    today = article(TITLE, *({"name": name, "kind": "number"} for name in fields), since=since)
    who = reader(*rules)
    whole = reads_whole_type(who, "article", own=False)
    names_today = {field: name for name, field in fields.items()}
    seen = Past(who, today, RESOURCE, moment).shown(stored)
    for name, field in stored.items():
        today_it_is = names_today.get(field)
        may = today_it_is is not None and who.may(
            Permission.READ_ENTRIES, Resource("article", own=False, field=today_it_is, locale="")
        )
        if name in seen:
            assert whole or may
        elif today_it_is == name:
            assert not may or since[name] > moment
        else:
            assert not whole
