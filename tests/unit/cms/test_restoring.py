"""A version comes back whole, but for what its restorer is told."""

from contextlib import nullcontext
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cms_service.auth.actor import Actor
from cms_service.auth.permissions import OF_FIELDS, Permission, Rule, Subject
from cms_service.content_types.schemas import ContentType
from cms_service.core.errors import Forbidden
from cms_service.entries.past import Past
from cms_service.entries.places import Shape, fields_of
from cms_service.entries.schemas import Entry
from cms_service.entries.visibility import about, shown, written

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ARTICLE = ContentType.model_validate(
    {
        "id": UUID(int=1),
        "name": "article",
        "displayName": "Article",
        "fields": [
            {"name": "title", "kind": "text"},
            {"name": "reads", "kind": "number"},
            {"name": "lead", "kind": "text", "localised": True},
            {
                "name": "author",
                "kind": "component",
                "fields": [{"name": "about", "kind": "text", "localised": True}],
            },
        ],
        "version": 2,
        "createdAt": NOW,
        "updatedAt": NOW,
        "locales": {"default": "en", "locales": [{"code": "en"}, {"code": "de"}]},
    }
)
READ = frozenset({Permission.READ_ENTRIES})
UPDATE = frozenset({Permission.UPDATE_ENTRIES})
ALL = Rule(OF_FIELDS)


def actor(*rules: Rule) -> Actor:
    return Actor(UUID(int=9), "acme", UUID(int=3), Subject("The role writer", rules, UUID(int=3)))


def no(permissions: frozenset[Permission], *fields: str) -> Rule:
    return Rule(permissions, allow=False, fields=frozenset(fields))


def draft(fields: dict[str, Any]) -> Entry:
    return Entry(
        id=UUID(int=2),
        type="article",
        version=2,
        slug=None,
        fields=fields,
        created_at=NOW,
        created_by=None,
        updated_at=NOW,
        updated_by=None,
        published=None,
    )


def restored(who: Actor, before: Entry, stored: dict[str, Any]) -> dict[str, Any]:
    """What is left of the draft `before`."""
    wanted = Past(who, ARTICLE, about(who, "article", before), NOW).brought_back(stored)
    return written(
        who, Permission.UPDATE_ENTRIES, ARTICLE, before, wanted, left_out_on_purpose=True
    )


NOT_GERMAN = Rule(READ | UPDATE, allow=False, locales=frozenset({"de"}))
NOT_FRENCH = Rule(READ | UPDATE, allow=False, locales=frozenset({"fr"}))
OLD = {"title": "Old", "reads": 1, "lead": {"en": "Long", "de": "Lang"}}
NEW = {"title": "New", "reads": 2, "lead": {"en": "Short", "de": "Kurz"}}
ABROAD = {"author": {"about": {"fr": "Long"}}}
SAME_READS = {**NEW, "reads": OLD["reads"]}


@pytest.mark.parametrize(
    ("rules", "before", "stored", "after"),
    [
        ((ALL,), NEW, OLD, OLD),
        ((ALL,), NEW, {"title": "Old"}, {"title": "Old"}),
        # what one does not see stays
        ((ALL, no(READ, "reads")), NEW, OLD, {**OLD, "reads": 2}),
        ((ALL, NOT_GERMAN), NEW, OLD, {**OLD, "lead": {"en": "Long", "de": "Kurz"}}),
        # what one may not write has to be as it is
        ((ALL, no(UPDATE, "reads")), NEW, OLD, None),
        ((ALL, no(UPDATE, "reads")), SAME_READS, OLD, OLD),
        ((ALL, no(UPDATE, "reads")), NEW, {"title": "Old"}, None),
        # in a locale that the tenant has no more
        ((ALL, NOT_FRENCH), {**NEW, **ABROAD}, {**OLD, **ABROAD}, None),
        # of another name then
        ((ALL,), NEW, {**OLD, "views": 1}, {**OLD, "views": 1}),
        ((ALL, no(READ, "reads")), NEW, {**OLD, "views": 1}, None),
        ((ALL, NOT_GERMAN), NEW, {**OLD, "views": 1}, None),
    ],
)
def test_what_a_restore_makes_of_the_draft(
    rules: tuple[Rule, ...],
    before: dict[str, Any],
    stored: dict[str, Any],
    after: dict[str, Any] | None,
) -> None:
    who = actor(*rules)
    if after is not None:
        assert restored(who, draft(before), stored) == after
        return
    with pytest.raises(Forbidden):
        restored(who, draft(before), stored)


@pytest.mark.parametrize(
    ("rules", "stored", "comes_back"),
    [
        ((ALL,), {"title": "Old", "views": 1}, True),
        ((ALL, no(READ, "reads"), NOT_GERMAN), OLD, True),
        ((ALL, no(READ, "reads")), {"title": "Old", "views": 1}, False),
    ],
)
def test_what_comes_out_of_the_bin_with_what_one_does_not_see(
    rules: tuple[Rule, ...], stored: dict[str, Any], *, comes_back: bool
) -> None:
    who = actor(*rules)
    past = Past(who, ARTICLE, about(who, "article", draft({})), NOW)
    with nullcontext() if comes_back else pytest.raises(Forbidden):
        past.check_undelete(stored)


_TEXT = st.sampled_from(["a", "b"])
_BY_LOCALE = st.dictionaries(st.sampled_from(["en", "de", "fr"]), _TEXT, min_size=1)
_TODAY = {
    "title": _TEXT,
    "reads": st.integers(0, 1),
    "lead": _BY_LOCALE,
    "author": st.fixed_dictionaries({"about": _BY_LOCALE}),
}
_STORED = st.fixed_dictionaries(
    {}, optional={**_TODAY, "views": st.integers(0, 1), "body": _BY_LOCALE}
)
_RULES = st.lists(
    st.builds(
        Rule,
        st.sampled_from([READ, UPDATE, READ | UPDATE]),
        allow=st.booleans(),
        fields=st.none() | st.frozensets(st.sampled_from(["title", *_TODAY, "views"]), min_size=1),
        locales=st.none() | st.frozensets(st.sampled_from(["en", "de", "fr"]), min_size=1),
    ),
    max_size=2,
)


@given(_RULES, st.fixed_dictionaries({}, optional=_TODAY), _STORED)
def test_a_restore_is_whole_or_refused_and_names_nothing_hidden(
    rules: list[Rule], fields: dict[str, Any], stored: dict[str, Any]
) -> None:
    who, before, shape = actor(ALL, *rules), draft(fields), Shape.of(ARTICLE)
    resource = about(who, "article", before)
    try:
        after = dict(shape.places(restored(who, before, stored)))
    except Forbidden as refused:
        seen = fields_of(
            dict(shape.places(Past(who, ARTICLE, resource, NOW).shown(stored)))
            | dict(shape.places(shown(who, ARTICLE, before).fields))
        )
        for error in refused.errors:
            _, _, name, *locale = error.pointer.split("/")
            assert name in seen
            assert not locale or locale[0] in seen[name]
        return
    was, had = dict(shape.places(stored)), dict(shape.places(fields))
    for place in {**was, **had, **after}:
        is_todays = place[0] in _TODAY
        sees = shape.may(who, Permission.READ_ENTRIES, resource, place)
        expected = was if sees or not is_todays else had
        assert after.get(place) == expected.get(place), place
