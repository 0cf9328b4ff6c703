"""The grammar of delivery's query strings, and nothing of any type. Pure."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property, lru_cache
from hashlib import blake2b
from typing import NoReturn
from urllib.parse import unquote_plus

import orjson

from cms_service.core.errors import BadRequest, FieldError
from cms_service.core.paging.pages import MAX_LIMIT
from cms_service.locales.schemas import LOCALE_PATTERN

MAX_QUERY_LENGTH = 8192
MAX_FILTERS = 10
MAX_VALUES = 50
MAX_VALUE_LENGTH = 500
MAX_SORTS = 3
MAX_SELECTED = 100
MAX_EXPANDED = 10
MAX_DEPTH = 2
MAX_CURSOR_LENGTH = 4096
DEFAULT_LIMIT = 20
_MAX_PARAMETERS = 50
_REMEMBERED = 2000
_SHOWN_LENGTH = 80

_FILTER = re.compile(r"filter\[([A-Za-z][A-Za-z0-9_.]{0,99})\]\[([a-z]{1,10})\]")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.]{0,99}")
_PATH = re.compile(r"[a-z][a-zA-Z0-9_]{0,62}(\.[a-z][a-zA-Z0-9_]{0,62}){0,9}")
_LIMIT = re.compile(r"[1-9][0-9]{0,2}")
_ENTRY_PARAMETERS = frozenset({"select", "expand", "locale"})
_LIST_PARAMETERS = _ENTRY_PARAMETERS | {"q", "sort", "limit", "cursor"}


class Operator(StrEnum):
    EQ = "eq"
    NE = "ne"
    IN = "in"
    NOT_IN = "nin"
    LT = "lt"
    LTE = "lte"
    GT = "gt"
    GTE = "gte"
    HAS = "has"
    HAS_ANY = "hasany"
    EXISTS = "exists"


_OPERATORS = frozenset(Operator)
WITH_LISTS = frozenset({Operator.IN, Operator.NOT_IN, Operator.HAS_ANY})


@dataclass(frozen=True)
class Condition:
    attribute: str
    operator: Operator
    values: tuple[str, ...]

    @property
    def parameter(self) -> str:
        return f"filter[{self.attribute}][{self.operator}]"


@dataclass(frozen=True)
class Order:
    attribute: str
    descending: bool


Form = tuple[object, ...]


@dataclass(frozen=True)
class Query:
    """`search` holds words, `select` is None where everything is wanted; `expand` holds paths of
    field names.
    """

    search: str | None = None
    conditions: tuple[Condition, ...] = ()
    orders: tuple[Order, ...] = ()
    select: tuple[str, ...] | None = None
    expand: tuple[tuple[str, ...], ...] = ()
    locale: str | None = None
    limit: int = DEFAULT_LIMIT
    cursor: str | None = None

    @cached_property
    def asks_for_something(self) -> bool:
        return self != Query()

    @cached_property
    def selection(self) -> bytes:
        """What decides which entries there are, and in which order: a cursor holds for it."""
        conditions = [[c.attribute, c.operator, c.values] for c in self.conditions]
        orders = [[order.attribute, order.descending] for order in self.orders]
        return orjson.dumps([self.search, conditions, orders, self.locale])

    @cached_property
    def form(self) -> Form:
        """The same for queries that differ in what they compare with and where they go on: in
        nothing that a statement's text would show.
        """
        tests = tuple(
            (c.attribute, c.operator, c.values if c.operator is Operator.EXISTS else None)
            for c in self.conditions
        )
        rest = (self.orders, self.select, self.expand, self.locale, self.limit)
        return (self.search is None, self.cursor is None, tests, *rest)

    @cached_property
    def key(self) -> str:
        """One text for all queries that mean the same."""
        rest = orjson.dumps([self.select, self.expand, self.limit, self.cursor])
        return blake2b(self.selection + rest, digest_size=16).hexdigest()


def refuse(parameter: str, detail: str) -> NoReturn:
    """Raises BadRequest."""
    error = FieldError(parameter[:_SHOWN_LENGTH], detail)
    raise BadRequest(f"{error.pointer}: {detail}.", (error,))


@lru_cache(maxsize=_REMEMBERED)
def parse_list_query(text: bytes) -> Query:
    """Raises BadRequest."""
    parameters = _parameters(text)
    conditions = _conditions(parameters)
    plain = _known(parameters, _LIST_PARAMETERS)
    cursor = plain.get("cursor")
    if cursor is not None and not 0 < len(cursor) <= MAX_CURSOR_LENGTH:
        refuse("cursor", "is not valid")
    return Query(
        search=_search(plain.get("q")),
        conditions=conditions,
        orders=_orders(plain.get("sort")),
        limit=_limit(plain.get("limit")),
        cursor=cursor,
        select=_select(plain.get("select")),
        expand=_expand(plain.get("expand")),
        locale=_locale(plain.get("locale")),
    )


@lru_cache(maxsize=_REMEMBERED)
def parse_entry_query(text: bytes) -> Query:
    """Raises BadRequest."""
    plain = _known(_parameters(text), _ENTRY_PARAMETERS)
    return Query(
        select=_select(plain.get("select")),
        expand=_expand(plain.get("expand")),
        locale=_locale(plain.get("locale")),
    )


def _parameters(text: bytes) -> dict[str, str]:
    if len(text) > MAX_QUERY_LENGTH:
        raise BadRequest(f"A query string has at most {MAX_QUERY_LENGTH} characters.")
    try:
        pairs = _pairs(text.decode("ascii"))
    except ValueError:
        raise BadRequest("The query string cannot be read.") from None
    parameters = dict(pairs)
    if len(parameters) != len(pairs):
        names = [name for name, _ in pairs]
        refuse(next(name for name in names if names.count(name) > 1), "is given twice")
    for name, value in pairs:
        if "\0" in name + value:
            refuse(name.replace("\0", ""), "holds a NUL character")
    return parameters


def _pairs(text: str) -> list[tuple[str, str]]:
    """The same as urllib's parse_qsl, which takes twice the time. Raises ValueError."""
    parts = [part.partition("=") for part in text.split("&") if part]
    if len(parts) > _MAX_PARAMETERS:
        raise ValueError
    return [(_name(name), unquote_plus(value, errors="strict")) for name, _, value in parts]


@lru_cache(maxsize=200)
def _name(text: str) -> str:
    return unquote_plus(text, errors="strict")


def _known(parameters: dict[str, str], allowed: frozenset[str]) -> dict[str, str]:
    plain = {name: value for name, value in parameters.items() if not _FILTER.fullmatch(name)}
    if "sort" not in allowed and len(plain) != len(parameters):
        refuse(min(parameters.keys() - plain.keys()), "is for lists only")
    if unknown := plain.keys() - allowed:
        refuse(min(unknown), f"is no parameter; there are {', '.join(sorted(allowed))}" + _hint())
    return plain


def _hint() -> str:
    return " and, for lists, filter[attribute][operator]"


def _conditions(parameters: dict[str, str]) -> tuple[Condition, ...]:
    found = []
    for name, value in parameters.items():
        match = _FILTER.fullmatch(name)
        if match is None:
            continue
        if match[2] not in _OPERATORS:
            refuse(name, f"has no such operator; there are {', '.join(Operator)}")
        operator = Operator(match[2])
        values = _values(name, value) if operator in WITH_LISTS else (value,)
        if any(len(one) > MAX_VALUE_LENGTH for one in values):
            refuse(name, f"a value has at most {MAX_VALUE_LENGTH} characters")
        found.append(Condition(match[1], operator, values))
    if len(found) > MAX_FILTERS:
        refuse("filter", f"there are at most {MAX_FILTERS} filters")
    return tuple(sorted(found, key=lambda condition: (condition.attribute, condition.operator)))


def _values(name: str, text: str) -> tuple[str, ...]:
    r"""Separated by commas; a comma or a backslash inside a value has a backslash before it."""
    parts: list[str] = [""]
    escaped = False
    for character in text:
        if escaped or character not in ",\\":
            parts[-1] += character
            escaped = False
        elif character == ",":
            parts.append("")
        else:
            escaped = True
    if escaped:
        refuse(name, "ends with a backslash")
    if len(parts) > MAX_VALUES:
        refuse(name, f"has at most {MAX_VALUES} values")
    return tuple(sorted(set(parts)))


def _search(text: str | None) -> str | None:
    if text is not None and not 0 < len(text) <= MAX_VALUE_LENGTH:
        refuse("q", f"must be words, at most {MAX_VALUE_LENGTH} characters")
    return text


def _orders(text: str | None) -> tuple[Order, ...]:
    if text is None:
        return ()
    orders = tuple(Order(part.removeprefix("-"), part.startswith("-")) for part in text.split(","))
    _check("sort", (order.attribute for order in orders), _NAME, MAX_SORTS)
    return orders


def _select(text: str | None) -> tuple[str, ...] | None:
    if text is None:
        return None
    names = text.split(",")
    _check("select", names, _NAME, MAX_SELECTED)
    return tuple(sorted(names))


def _expand(text: str | None) -> tuple[tuple[str, ...], ...]:
    if text is None:
        return ()
    names = text.split(",")
    _check("expand", names, _PATH, MAX_EXPANDED)
    paths = sorted(tuple(name.split(".")) for name in names)
    for path in paths:
        if len(path) > MAX_DEPTH:
            refuse("expand", f"{'.'.join(path)} goes deeper than {MAX_DEPTH}"[:_SHOWN_LENGTH])
    return tuple(paths)


def _check(parameter: str, names: Iterable[str], pattern: re.Pattern[str], maximum: int) -> None:
    seen: set[str] = set()
    for name in names:
        shown = name[:_SHOWN_LENGTH]
        if pattern.fullmatch(name) is None:
            refuse(parameter, f"{shown!r} is no name")
        if name in seen:
            refuse(parameter, f"{shown} is named twice")
        seen.add(name)
    if len(seen) > maximum:
        refuse(parameter, f"takes at most {maximum} names")


def _limit(text: str | None) -> int:
    if text is None:
        return DEFAULT_LIMIT
    if _LIMIT.fullmatch(text) is None or int(text) > MAX_LIMIT:
        refuse("limit", f"must be a whole number, 1 to {MAX_LIMIT}")
    return int(text)


def _locale(text: str | None) -> str | None:
    if text is not None and re.fullmatch(LOCALE_PATTERN[1:-1], text) is None:
        refuse("locale", "must be a locale of the tenant")
    return text
