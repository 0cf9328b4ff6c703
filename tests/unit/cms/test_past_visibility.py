"""Who is denied something does not see it either in what an entry was before its type changed."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cms_service.auth.actor import Actor
from cms_service.auth.permissions import NO_LOCALE, Permission, Resource, Rule, Subject
from cms_service.content_types.schemas import ContentType, FieldSince
from cms_service.entries.past import Past
from cms_service.entries.places import reads_whole_type

READ = frozenset({Permission.READ_ENTRIES})
NOT_GERMAN = Rule(READ, allow=False, locales=frozenset({"de", "fr"}))
NOT_FRENCH = Rule(READ, allow=False, locales=frozenset({"fr"}))
RESOURCE = Resource("article", own=False)
SAVED = datetime(2026, 1, 2, tzinfo=UTC)
TRANSLATED = {"body": {"en": "Hello", "de": "Geheim"}}


def reader(*rules: Rule) -> Actor:
    return Actor(UUID(int=9), "acme", UUID(int=3), Subject("The role", rules, UUID(int=3)))


def article(*fields: dict[str, Any], since: Mapping[str, FieldSince] | None = None) -> ContentType:
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
LOCALISED = {"localised": True}
BODY = {"name": "body", "kind": "text"}
ABOUT = {"name": "about", "kind": "text", "localised": True}
PARTS = {"name": "parts", "kind": "component", "fields": [ABOUT]}
LATER = SAVED + timedelta(seconds=1)
BECAME_ANOTHER = {"body": FieldSince(name=SAVED, locales=LATER)}
NOT_TITLE = Rule(READ, allow=False, fields=frozenset({"title"}))
ABROAD = {"parts": {"about": {"en": "Hello", "fr": "Secret"}}}


@pytest.mark.parametrize(
    ("today", "stored", "denied", "seen"),
    [
        # as it was: by the codes of locales, of former ones too
        (article(BODY | LOCALISED), TRANSLATED, NOT_GERMAN, {"body": {"en": "Hello"}}),
        (article(BODY | LOCALISED), {"body": {"de": "Geheim"}}, NOT_GERMAN, {}),
        (article(BODY | LOCALISED), {"body": {"fr": "Secret"}}, NOT_GERMAN, {}),
        # what never had any is whole, whatever is in it
        (article(BODY | {"kind": "json"}), TRANSLATED, NOT_GERMAN, TRANSLATED),
        # no longer localised, or not yet
        (article(BODY, since=BECAME_ANOTHER), TRANSLATED, NOT_GERMAN, {}),
        (article(BODY, since=BECAME_ANOTHER), TRANSLATED, NOT_TITLE, TRANSLATED),
        (article(BODY | LOCALISED, since=BECAME_ANOTHER), {"body": "a"}, NOT_GERMAN, {}),
        (article(BODY | LOCALISED, since=BECAME_ANOTHER), {"body": "a"}, NOT_TITLE, {"body": "a"}),
        # inside of a component
        (article(PARTS), ABROAD, NOT_GERMAN, {}),
        (article(PARTS), ABROAD, NOT_FRENCH, {}),
        (article(PARTS), ABROAD, NOT_TITLE, ABROAD),
        # removed
        (article(TITLE), TRANSLATED, NOT_GERMAN, {}),
        (article(TITLE), TRANSLATED, NOT_TITLE, {}),
    ],
)
def test_locales_are_told_apart_where_they_are_known_and_hidden_where_not(
    today: ContentType, stored: dict[str, Any], denied: Rule, seen: dict[str, Any]
) -> None:
    assert Past(reader(Rule(READ), denied), today, RESOURCE, SAVED).shown(stored) == seen
    assert Past(reader(Rule(READ)), today, RESOURCE, SAVED).shown(stored) == stored


def test_who_reads_one_locale_reads_nothing_that_has_none_today() -> None:
    english = reader(Rule(READ, locales=frozenset({"en"})))
    assert Past(english, article(BODY), RESOURCE, SAVED).shown({"body": "Hello"}) == {}
    today = article(BODY, since=BECAME_ANOTHER)
    assert Past(english, today, RESOURCE, SAVED).shown(TRANSLATED) == {}


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
    today = article(SLUG, since={"path": FieldSince(name=LATER, locales=LATER)})
    elsewhere = Rule(READ, allow=False, fields=frozenset({"url"}))
    assert Past(reader(Rule(READ)), today, RESOURCE, SAVED).reads_slug()
    assert not Past(reader(Rule(READ), elsewhere), today, RESOURCE, SAVED).reads_slug()


@pytest.mark.parametrize(
    ("since", "sees"),
    [
        ({}, True),
        ({"body": FieldSince(name=SAVED, locales=SAVED)}, True),
        ({"body": FieldSince(name=LATER, locales=LATER)}, False),
        ({"title": FieldSince(name=LATER, locales=LATER)}, True),
    ],
)
def test_a_value_is_read_like_todays_where_it_is_the_same_field(
    since: dict[str, FieldSince], *, sees: bool
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
CODES = ["en", "de", "fr"]
CHANGES = st.lists(st.tuples(NAMES, st.none() | NAMES), max_size=6)
RULES = st.builds(
    Rule,
    st.just(READ),
    allow=st.booleans(),
    fields=st.none() | st.frozensets(NAMES, min_size=1),
    locales=st.none() | st.frozensets(st.sampled_from(CODES), min_size=1),
)


@dataclass
class History:
    """Which field each name of today stands for, and whether it is localised."""

    fields: dict[str, tuple[int, bool]]
    since: dict[str, FieldSince]

    def change(self, old: str, new: str | None, now: datetime, made: int) -> None:
        """A field is removed, becomes localised or no longer is, gets a new name, or is made."""
        before = dict(self.fields)
        field = self.fields.get(old)
        if new is None:
            self.fields.pop(old, None)
        elif new == old and field:
            self.fields[old] = (field[0], not field[1])
        elif new not in self.fields:
            self.fields[new] = self.fields.pop(old, (made, False))
        self.since = {
            name: FieldSince(
                name=self.since[name].name if name in before else now,
                locales=self.since[name].locales if before.get(name) == field else now,
            )
            for name, field in self.fields.items()
        }

    def stored(self) -> dict[str, Any]:
        return {
            name: dict.fromkeys(CODES, identity) if localised else identity
            for name, (identity, localised) in self.fields.items()
        }


@given(CHANGES, CHANGES, st.lists(RULES, max_size=3))
def test_nobody_sees_in_the_past_what_the_present_denies(
    before: list[tuple[str, str | None]], later: list[tuple[str, str | None]], rules: list[Rule]
) -> None:
    known = FieldSince(name=SAVED, locales=SAVED)
    type_ = History({"a": (1, False), "b": (2, True)}, {"a": known, "b": known})
    for at, change in enumerate(before, 3):
        type_.change(*change, SAVED + timedelta(seconds=at), at)
    fields, stored = dict(type_.fields), type_.stored()
    moment = SAVED + timedelta(seconds=len(before) + 3)
    for at, change in enumerate(later, 1):
        type_.change(*change, moment + timedelta(seconds=at), -at)
    names = {identity: name for name, (identity, _) in type_.fields.items()}
    definition = [
        {"name": name, "kind": "text", "localised": localised}
        for name, (_, localised) in type_.fields.items()
    ]
    who = reader(*rules)
    past = Past(who, article(TITLE, *definition, since=type_.since), RESOURCE, moment)
    seen = past.shown(stored)
    for name, (identity, localised) in fields.items():
        for locale in CODES if localised else [NO_LOCALE]:
            place = Resource("article", own=False, field=names.get(identity), locale=locale)
            may = place.field is not None and who.may(Permission.READ_ENTRIES, place)
            value = seen.get(name, {})
            if not isinstance(value, dict) or locale in value:
                assert may or reads_whole_type(who, "article", own=False)
            elif type_.since.get(name, known).locales <= moment:
                assert not may or place.field != name, "what is certain is not hidden"
