"""Who is denied something does not see it either in what an entry was before its type changed."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from cms_service.auth.actor import Actor
from cms_service.auth.permissions import Permission, Resource, Rule, Subject
from cms_service.content_types.schemas import ContentType
from cms_service.entries.past import past_fields_shown, reads_past_slug

READ = frozenset({Permission.READ_ENTRIES})
NOT_GERMAN = Rule(READ, allow=False, locales=frozenset({"de", "fr"}))
RESOURCE = Resource("article", own=False)
TRANSLATED = {"body": {"en": "Hello", "de": "Geheim"}}


def reader(*rules: Rule) -> Actor:
    return Actor(UUID(int=9), "acme", UUID(int=3), Subject("The role", rules, UUID(int=3)))


def article(*fields: dict[str, Any]) -> ContentType:
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
    assert past_fields_shown(who, today, RESOURCE, TRANSLATED) == seen
    assert past_fields_shown(reader(Rule(READ)), today, RESOURCE, TRANSLATED) == TRANSLATED


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
    assert past_fields_shown(who, today, RESOURCE, before) == seen


def test_who_reads_one_locale_reads_nothing_that_has_none_today() -> None:
    english = reader(Rule(READ, locales=frozenset({"en"})))
    assert past_fields_shown(english, article(BODY), RESOURCE, TRANSLATED) == {}


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
    assert reads_past_slug(reader(*rules), today, RESOURCE) is reads
