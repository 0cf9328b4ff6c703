"""A statement's text and the values that go with it. Pure."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import orjson

from cms_service.delivery.query.cursors import Place
from cms_service.delivery.query.expansions import Expansion
from cms_service.delivery.query.plan import ListPlan


@dataclass(frozen=True)
class Sql:
    """`values` from `$2` on; `$1` is the tenant's id. `expansions`: what is to be put into the
    entries that it yields.
    """

    text: str
    values: tuple[object, ...]
    expansions: tuple[Expansion, ...] = ()


class Given(NamedTuple):
    """What the values of a list's statement are made of when it is used. `after` is empty for the
    first page.
    """

    plan: ListPlan
    after: Place


@dataclass(frozen=True, slots=True)
class Later:
    value: Callable[[Given], object]


class Parameters:
    def __init__(self) -> None:
        self.values: list[object] = []
        self._known: dict[tuple[str, str], str] = {}

    def add(self, value: object, cast: str) -> str:
        known = (cast, repr(value))
        if known not in self._known:
            self.values.append(value)
            self._known[known] = f"${len(self.values) + 1}::{cast}"
        return self._known[known]

    def json(self, value: object) -> str:
        return self.add(as_json(value), "jsonb")

    def later(self, value: Callable[[Given], object], cast: str) -> str:
        self.values.append(Later(value))
        return f"${len(self.values) + 1}::{cast}"

    def compared(self, number: int, encode: Callable[[tuple[Any, ...]], object], cast: str) -> str:
        """A parameter made of the values of the comparison with this number in the plan."""
        return self.later(lambda given: encode(given.plan.comparisons[number].values), cast)


def as_json(value: object) -> str:
    return orjson.dumps(value).decode()
