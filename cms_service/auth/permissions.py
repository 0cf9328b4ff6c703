"""Who may do what: a decision on values alone. What no rule allows is denied, and what a rule
denies is denied whatever else allows it.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from uuid import UUID


class Role(StrEnum):
    """The built-in roles, each with all of the one below it."""

    OWNER = "owner"
    ADMIN = "admin"
    EDITOR = "editor"
    AUTHOR = "author"
    VIEWER = "viewer"


class Permission(StrEnum):
    """`owners:write` is what only owners have: it guards them from everybody else."""

    READ_TENANT = "tenant:read"
    WRITE_TENANT = "tenant:write"
    READ_USERS = "users:read"
    WRITE_USERS = "users:write"
    WRITE_OWNERS = "owners:write"
    READ_ROLES = "roles:read"
    WRITE_ROLES = "roles:write"
    READ_KEYS = "api-keys:read"
    WRITE_KEYS = "api-keys:write"
    READ_TYPES = "content-types:read"
    WRITE_TYPES = "content-types:write"
    READ_ENTRIES = "entries:read"
    CREATE_ENTRIES = "entries:create"
    UPDATE_ENTRIES = "entries:update"
    DELETE_ENTRIES = "entries:delete"
    PUBLISH_ENTRIES = "entries:publish"
    PURGE_ENTRIES = "entries:purge"
    READ_AUDIT_LOG = "audit-log:read"
    READ_DELIVERY = "delivery:read"


# Those that can be limited to a user's own entries.
OF_ENTRIES = frozenset(
    {
        Permission.READ_ENTRIES,
        Permission.CREATE_ENTRIES,
        Permission.UPDATE_ENTRIES,
        Permission.DELETE_ENTRIES,
        Permission.PUBLISH_ENTRIES,
        Permission.PURGE_ENTRIES,
    }
)
OF_TYPES = OF_ENTRIES | {Permission.READ_DELIVERY}
OF_FIELDS = frozenset(
    {Permission.READ_ENTRIES, Permission.CREATE_ENTRIES, Permission.UPDATE_ENTRIES}
)

# The locale of a field that has none: a rule for certain locales says nothing of it.
NO_LOCALE = ""


@dataclass(frozen=True, slots=True)
class Rule:
    """A limit that is None leaves the rule to hold for all; `own` limits it to the subject's
    entries. A permission that this release does not know, of a later one's rule, nobody asks for;
    it still counts when rights are compared.
    """

    permissions: frozenset[str]
    allow: bool = True
    content_types: frozenset[str] | None = None
    fields: frozenset[str] | None = None
    locales: frozenset[str] | None = None
    own: bool = False


@dataclass(frozen=True, slots=True)
class Resource:
    """What is not said (None) stands for "some": it is allowed where some are, and denied where
    all are.
    """

    content_type: str | None = None
    own: bool | None = None
    field: str | None = None
    locale: str | None = None


ANYTHING = Resource()


@dataclass(frozen=True)
class Subject:
    """`name` is for the reader of a refusal. An API key is no user and owns no entries."""

    name: str
    rules: tuple[Rule, ...]
    user_id: UUID | None = None


def denial(subject: Subject, permission: Permission, resource: Resource = ANYTHING) -> str | None:
    """Why not; None where it is allowed."""
    allowed = False
    for rule in subject.rules:
        if permission not in rule.permissions:
            continue
        if not rule.allow and _denies(rule, resource):
            return f"{subject.name} is denied {permission}{_place(resource)}."
        allowed = allowed or (rule.allow and _allows(rule, resource))
    return (
        None if allowed else f"{subject.name} lacks the permission {permission}{_place(resource)}."
    )


def lacking(holder: Iterable[Rule], wanted: Iterable[Rule]) -> str | None:
    """A permission by which `wanted` goes beyond `holder`, if any does. It errs to the safe side:
    what several rules of the holder allow only together counts as not allowed.
    """
    return next((found for found in exceeding(holder, wanted) if found is not None), None)


def exceeding(holder: Iterable[Rule], wanted: Iterable[Rule]) -> Iterator[str | None]:
    """The same of each part of `wanted`, one after the other: None where that is within the
    holder's rights. There may be thousands.
    """
    allowing, denying = _by_effect(holder)
    wanted_allowing, wanted_denying = _by_effect(wanted)
    for part in (part for rule in wanted_allowing for part in _parts(rule)):
        exceptions = [met for rule in denying if (met := _meet(rule, part)) is not None]
        if not _contained(part, allowing) or not all(
            _contained(exception, wanted_denying) for exception in exceptions
        ):
            yield min(part.permissions)
        else:
            yield None


def rules_of(role: Role) -> tuple[Rule, ...]:
    return _BUILT_IN[role]


def legacy_role(name: str) -> Role:
    """The nearest of the three roles that earlier releases know: never one with more rights."""
    if name in {Role.OWNER, Role.EDITOR, Role.VIEWER}:
        return Role(name)
    return Role.EDITOR if name == Role.ADMIN else Role.VIEWER


def _allows(rule: Rule, resource: Resource) -> bool:
    return (
        _may_hold(rule.content_types, resource.content_type)
        and _may_hold(rule.fields, resource.field)
        and _may_hold(rule.locales, resource.locale)
        and not (rule.own and resource.own is False)
    )


def _denies(rule: Rule, resource: Resource) -> bool:
    return (
        _holds(rule.content_types, resource.content_type)
        and _holds(rule.fields, resource.field)
        and _holds(rule.locales, resource.locale)
        and not (rule.own and not resource.own)
    )


def _may_hold(limit: frozenset[str] | None, name: str | None) -> bool:
    return limit is None or name is None or name in limit


def _holds(limit: frozenset[str] | None, name: str | None) -> bool:
    return limit is None or name in limit


def _place(resource: Resource) -> str:
    places = [
        resource.content_type and f" for the type {resource.content_type}",
        resource.field and f" in the field {resource.field}",
        resource.locale and f" in the locale {resource.locale}",
        resource.own is False and " for entries of others",
    ]
    return "".join(place for place in places if place)


def _by_effect(rules: Iterable[Rule]) -> tuple[list[Rule], list[Rule]]:
    known = list(rules)
    return [rule for rule in known if rule.allow], [rule for rule in known if not rule.allow]


def _parts(rule: Rule) -> Iterator[Rule]:
    """One permission and one type each: other rules may list them in other groups."""
    types = [rule.content_types]
    if rule.content_types is not None:
        types = [frozenset({name}) for name in sorted(rule.content_types)]
    for permission in sorted(rule.permissions):
        for content_types in types:
            yield replace(rule, permissions=frozenset({permission}), content_types=content_types)


def _contained(part: Rule, rules: Iterable[Rule]) -> bool:
    return any(
        part.permissions <= rule.permissions
        and _within(part.content_types, rule.content_types)
        and _within(part.fields, rule.fields)
        and _within(part.locales, rule.locales)
        and (part.own or not rule.own)
        for rule in rules
    )


def _within(inner: frozenset[str] | None, outer: frozenset[str] | None) -> bool:
    return outer is None or (inner is not None and inner <= outer)


def _meet(first: Rule, second: Rule) -> Rule | None:
    """What both speak of."""
    met = Rule(
        first.permissions & second.permissions,
        first.allow,
        _common(first.content_types, second.content_types),
        _common(first.fields, second.fields),
        _common(first.locales, second.locales),
        first.own or second.own,
    )
    limits = (met.permissions, met.content_types, met.fields, met.locales)
    return None if any(limit is not None and not limit for limit in limits) else met


def _common(first: frozenset[str] | None, second: frozenset[str] | None) -> frozenset[str] | None:
    if first is None or second is None:
        return first if second is None else second
    return first & second


_WRITE_ENTRIES = frozenset(
    {
        Permission.CREATE_ENTRIES,
        Permission.UPDATE_ENTRIES,
        Permission.DELETE_ENTRIES,
        Permission.PUBLISH_ENTRIES,
    }
)
_READ = Rule(
    frozenset(
        {
            Permission.READ_TENANT,
            Permission.READ_TYPES,
            Permission.READ_ENTRIES,
            Permission.READ_DELIVERY,
        }
    )
)
_ADMINISTER = Rule(
    frozenset(
        {
            Permission.WRITE_TENANT,
            Permission.READ_USERS,
            Permission.WRITE_USERS,
            Permission.READ_ROLES,
            Permission.WRITE_ROLES,
            Permission.READ_KEYS,
            Permission.WRITE_KEYS,
            Permission.WRITE_TYPES,
            Permission.PURGE_ENTRIES,
            Permission.READ_AUDIT_LOG,
        }
    )
)
_EDITOR = (_READ, Rule(_WRITE_ENTRIES))
_BUILT_IN = {
    Role.VIEWER: (_READ,),
    Role.AUTHOR: (_READ, Rule(_WRITE_ENTRIES, own=True)),
    Role.EDITOR: _EDITOR,
    Role.ADMIN: (*_EDITOR, _ADMINISTER),
    Role.OWNER: (*_EDITOR, _ADMINISTER, Rule(frozenset({Permission.WRITE_OWNERS}))),
}
