"""What is asked of each system, and how it is run."""

import re
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Protocol

from benchmarks import articles
from benchmarks.wrk import Request


class Row(StrEnum):
    ARTICLE = "one article with its author"
    LIST = "list of 20 by author"
    FULL = "list of 20 with author and tags"
    CREATE = "create with three tags"


@dataclass(frozen=True)
class Case:
    row: Row
    cached: bool = False


READS = (Row.ARTICLE, Row.LIST, Row.FULL)
UNCACHED = (*(Case(row) for row in READS), Case(Row.CREATE))
CACHED = tuple(Case(row, cached=True) for row in READS)


@dataclass(frozen=True)
class Server:
    url: str
    pid: int
    token: str

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}


class System(Protocol):
    @property
    def name(self) -> str: ...

    @property
    def cases(self) -> Sequence[Case]: ...

    def prepare(self) -> None:
        """Tables and articles; no server is left running."""

    def serving(self) -> AbstractContextManager[Server]: ...

    def request(self, case: Case, server: Server) -> Request:
        """What is asked for: without the cache the same thing as rarely as possible, with it one of
        a hundred things again and again.
        """

    def under(self, case: Case) -> AbstractContextManager[None]:
        """What goes on during the load."""


NEW_TITLE = "A new article"
# 2 kB, like the articles that are there.
NEW_BODY = "A new article, made for this. " * 66
NEW_SLUG = "made-{1000000000}"

# What an answer shows as often as this: titles and names are in no text but their own.
_SHOWN: Mapping[Row, Mapping[str, int]] = MappingProxyType(
    {
        Row.ARTICLE: {r'"Article \d+"': 1, r'"Author \d+"': 1},
        Row.LIST: {r'"Article \d+"': articles.PAGE},
        Row.FULL: {
            r'"Article \d+"': articles.PAGE,
            r'"Author \d+"': articles.PAGE,
            r'"Tag \d+"': articles.PAGE * len(articles.TAG_STEPS),
        },
        Row.CREATE: {f'"{NEW_TITLE}"': 1},
    }
)


def differences(row: Row, answer: str) -> list[str]:
    """How an answer differs from what all systems have to say."""
    counts = {pattern: len(re.findall(pattern, answer)) for pattern in _SHOWN[row]}
    return [
        f"{counts[pattern]} instead of {wanted} of {pattern}"
        for pattern, wanted in _SHOWN[row].items()
        if counts[pattern] != wanted
    ]
