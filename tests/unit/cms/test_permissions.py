"""Who may do what, in tables and for all rules that there can be."""

import asyncio
from dataclasses import replace
from itertools import pairwise, product
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from cms_service.auth.actor import Actor
from cms_service.auth.permissions import (
    ANYTHING,
    OF_FIELDS,
    OF_TYPES,
    Permission,
    Resource,
    Role,
    Rule,
    Subject,
    denial,
    lacking,
    legacy_role,
    rules_of,
)
from cms_service.core.errors import Forbidden
from cms_service.roles.rules import RuleBody, granted

PERMISSIONS = (Permission.READ_ENTRIES, Permission.UPDATE_ENTRIES)
TYPES, FIELDS, LOCALES = ("article", "page"), ("title", "body"), ("de", "en")


def named(names: tuple[str, ...]) -> st.SearchStrategy[frozenset[str] | None]:
    return st.none() | st.frozensets(st.sampled_from(names))


rules = st.builds(
    Rule,
    st.frozensets(st.sampled_from(PERMISSIONS), min_size=1),
    st.booleans(),
    named(TYPES),
    named(FIELDS),
    named(LOCALES),
    st.booleans(),
)
rule_sets = st.lists(rules, max_size=4).map(tuple)
# One name more than any rule has, and "not said".
RESOURCES = [
    Resource(*values)
    for values in product(
        (None, *TYPES, "other"), (None, True, False), (None, *FIELDS, "other"), (None, *LOCALES, "")
    )
]
resources = st.sampled_from(RESOURCES)
exact_resources = [r for r in RESOURCES if None not in (r.content_type, r.own, r.field, r.locale)]


def allows(
    granted: tuple[Rule, ...], permission: Permission, resource: Resource = ANYTHING
) -> bool:
    return denial(Subject("somebody", granted), permission, resource) is None


@given(st.sampled_from(list(Permission)), resources)
def test_without_a_rule_all_is_denied(permission: Permission, resource: Resource) -> None:
    assert not allows((), permission, resource)


@given(rule_sets, rules, st.sampled_from(PERMISSIONS), resources)
def test_a_further_denial_never_grants_and_a_further_grant_never_takes(
    granted: tuple[Rule, ...], rule: Rule, permission: Permission, resource: Resource
) -> None:
    before = allows(granted, permission, resource)
    assert allows((*granted, replace(rule, allow=False)), permission, resource) <= before
    assert allows((*granted, replace(rule, allow=True)), permission, resource) >= before


@given(rule_sets, st.sampled_from(PERMISSIONS), st.sampled_from(exact_resources))
def test_the_order_of_rules_means_nothing(
    granted: tuple[Rule, ...], permission: Permission, resource: Resource
) -> None:
    backwards = allows(granted[::-1], permission, resource)
    assert backwards == allows(granted, permission, resource)


@given(rule_sets, st.sampled_from(PERMISSIONS), st.sampled_from(exact_resources))
def test_what_is_allowed_somewhere_is_not_denied_where_less_is_said(
    granted: tuple[Rule, ...], permission: Permission, resource: Resource
) -> None:
    if allows(granted, permission, resource):
        for name in ("own", "field", "locale"):
            assert allows(granted, permission, replace(resource, **{name: None}))


@given(rule_sets, rule_sets)
def test_who_lacks_nothing_may_do_all_that_is_wanted(
    holder: tuple[Rule, ...], wanted: tuple[Rule, ...]
) -> None:
    if lacking(holder, wanted) is None:
        for permission, resource in product(PERMISSIONS, exact_resources):
            assert allows(holder, permission, resource) >= allows(wanted, permission, resource)


@given(rule_sets)
def test_everybody_may_give_what_they_have(granted: tuple[Rule, ...]) -> None:
    assert lacking(granted, granted) is None


def test_the_built_in_roles_are_ordered_and_owners_have_all() -> None:
    ordered = list(Role)
    for higher, lower in pairwise(ordered):
        assert lacking(rules_of(higher), rules_of(lower)) is None
        assert lacking(rules_of(lower), rules_of(higher)) is not None
    assert all(allows(rules_of(Role.OWNER), permission) for permission in Permission)


OTHERS, OWN = Resource("article", own=False), Resource("article", own=True)


# The lowest role that has it for the user's own entries, and for those of others.
LOWEST = {
    Permission.READ_TENANT: (Role.VIEWER, Role.VIEWER),
    Permission.READ_TYPES: (Role.VIEWER, Role.VIEWER),
    Permission.READ_ENTRIES: (Role.VIEWER, Role.VIEWER),
    Permission.READ_DELIVERY: (Role.VIEWER, Role.VIEWER),
    Permission.CREATE_ENTRIES: (Role.AUTHOR, Role.EDITOR),
    Permission.UPDATE_ENTRIES: (Role.AUTHOR, Role.EDITOR),
    Permission.DELETE_ENTRIES: (Role.AUTHOR, Role.EDITOR),
    Permission.PUBLISH_ENTRIES: (Role.AUTHOR, Role.EDITOR),
    Permission.PURGE_ENTRIES: (Role.ADMIN, Role.ADMIN),
    Permission.WRITE_TENANT: (Role.ADMIN, Role.ADMIN),
    Permission.READ_USERS: (Role.ADMIN, Role.ADMIN),
    Permission.WRITE_USERS: (Role.ADMIN, Role.ADMIN),
    Permission.READ_ROLES: (Role.ADMIN, Role.ADMIN),
    Permission.WRITE_ROLES: (Role.ADMIN, Role.ADMIN),
    Permission.READ_KEYS: (Role.ADMIN, Role.ADMIN),
    Permission.WRITE_KEYS: (Role.ADMIN, Role.ADMIN),
    Permission.WRITE_TYPES: (Role.ADMIN, Role.ADMIN),
    Permission.READ_AUDIT_LOG: (Role.ADMIN, Role.ADMIN),
    Permission.WRITE_OWNERS: (Role.OWNER, Role.OWNER),
}


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("permission", Permission)
def test_a_built_in_role_has_what_the_lowest_with_it_has(
    role: Role, permission: Permission
) -> None:
    from_high_to_low = list(Role)
    for lowest, resource in zip(LOWEST[permission], (OWN, OTHERS), strict=True):
        has = from_high_to_low.index(role) <= from_high_to_low.index(lowest)
        assert allows(rules_of(role), permission, resource) is has


LATER: dict[str, Any] = {"permissions": ["entries:read", "entries:export"]}
NO_LATER: dict[str, Any] = {"permissions": ["entries:export", "entries:update"], "deny": True}


@pytest.mark.parametrize(
    ("stored", "reads", "updates"),
    [
        ([LATER], True, False),
        ([LATER | {"contentTypes": ["page"]}], False, False),
        ([{"permissions": ["entries:read", "entries:update"]}, NO_LATER], True, False),
        ([{"permissions": ["reports:read"], "own": True}], False, False),
    ],
)
def test_a_role_of_a_later_release_has_here_what_is_known_here(
    stored: list[dict[str, Any]], reads: object, updates: object
) -> None:
    rules = granted("reporter", stored)
    assert allows(rules, Permission.READ_ENTRIES, OWN) is reads
    assert allows(rules, Permission.UPDATE_ENTRIES, OWN) is updates


def test_rights_of_a_later_release_are_given_only_by_who_has_them() -> None:
    rules = granted("reporter", [LATER])
    assert lacking(rules_of(Role.OWNER), rules) == "entries:export"
    assert lacking(rules, rules) is None


def test_no_rule_is_written_with_a_permission_that_is_not_known() -> None:
    with pytest.raises(ValidationError, match="permissions"):
        RuleBody.model_validate(LATER)


READ_ALL = Rule(OF_TYPES)
NO_BODY = Rule(OF_FIELDS, allow=False, fields=frozenset({"body"}))
GERMAN = Rule(OF_FIELDS, locales=frozenset({"de"}))


@pytest.mark.parametrize(
    ("granted", "resource", "answer"),
    [
        ((READ_ALL, NO_BODY), Resource("page"), True),
        ((READ_ALL, NO_BODY), Resource("page", own=True, field="title", locale=""), True),
        ((READ_ALL, NO_BODY), Resource("page", own=True, field="body", locale="de"), False),
        ((GERMAN,), Resource("page"), True),
        ((GERMAN,), Resource("page", own=False, field="body", locale="de"), True),
        ((GERMAN,), Resource("page", own=False, field="body", locale="en"), False),
        ((GERMAN,), Resource("page", own=False, field="views", locale=""), False),
    ],
)
def test_fields_and_locales(granted: tuple[Rule, ...], resource: Resource, answer: object) -> None:
    assert allows(granted, Permission.UPDATE_ENTRIES, resource) is answer


@pytest.mark.parametrize(
    ("holder", "wanted", "beyond"),
    [
        ((READ_ALL, NO_BODY), (READ_ALL, NO_BODY), None),
        ((READ_ALL, NO_BODY), (READ_ALL,), Permission.CREATE_ENTRIES),
        ((READ_ALL,), (READ_ALL, NO_BODY), None),
        ((READ_ALL,), (GERMAN,), None),
        ((GERMAN,), (READ_ALL,), Permission.READ_DELIVERY),
        ((Rule(OF_TYPES, own=True),), (READ_ALL,), Permission.READ_DELIVERY),
    ],
)
def test_nobody_gives_more_than_they_have(
    holder: tuple[Rule, ...], wanted: tuple[Rule, ...], beyond: Permission | None
) -> None:
    assert lacking(holder, wanted) == beyond


def test_a_refusal_says_who_lacks_what_and_where() -> None:
    author = Subject("The role author", rules_of(Role.AUTHOR), UUID(int=1))
    assert denial(author, Permission.UPDATE_ENTRIES, OTHERS) == (
        "The role author lacks the permission entries:update for the type article"
        " for entries of others."
    )


@pytest.mark.parametrize("name", [*Role, "proof-reader"])
def test_older_releases_see_no_role_with_more_rights(name: str) -> None:
    old = legacy_role(name)
    assert old in {Role.OWNER, Role.EDITOR, Role.VIEWER}
    if name in set(Role):
        assert lacking(rules_of(Role(name)), rules_of(old)) is None
    else:
        assert old is Role.VIEWER


def limited_to(number: int) -> tuple[Rule, ...]:
    """The most rules that a role may have, each for as many types."""
    types = frozenset(f"type-{one}" for one in range(50))
    fields = frozenset(f"field{one}" for one in range(number))
    allowed = Rule(OF_TYPES, content_types=types)
    denied = Rule(OF_FIELDS, allow=False, content_types=types, fields=fields)
    return (*[allowed] * 25, *[denied] * 25)


async def test_others_are_answered_while_long_roles_are_compared() -> None:
    """Their parts are compared with one another, which takes a second."""
    rules = limited_to(1)
    holder = Actor(UUID(int=1), "acme", UUID(int=2), Subject("The role lead", rules, UUID(int=2)))
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    answering = asyncio.create_task(others())
    await holder.check_covers(rules[:1] + rules[25:26], "The role")
    assert turns > len(OF_TYPES)
    with pytest.raises(Forbidden, match="The role goes beyond the rights of The role lead"):
        await holder.check_covers(rules[:1], "The role")
    answering.cancel()
