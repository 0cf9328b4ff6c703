"""The ETag of an entry, and what a writer has seen who sends it back.

It begins with the version and ends with the number of times that changes of the type have rewritten
the entry. The moment of its publication is between them, and is no part of what a writer has to
have seen.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from fastapi import Depends

from cms_service.core.endpoints.if_match import IfMatch

# Both together have at most 16 digits, as many as If-Match takes.
_DIGITS_OF_REWRITTEN = 3
_REWRITINGS = 16**_DIGITS_OF_REWRITTEN
# Releases before wrote the moment alone, in so many digits, or nothing.
_DIGITS_OF_MOMENT = 13


@dataclass(frozen=True)
class Seen:
    """`rewritten` is None where the writer says nothing of it."""

    version: int
    rewritten: int | None = None

    def holds(self, version: int, rewritten: int) -> bool:
        return self.version == version and self.rewritten in {None, rewritten % _REWRITINGS}


def etag(version: int, rewritten: int, published_at: datetime | None) -> str:
    moment = 0 if published_at is None else int(published_at.timestamp() * 1_000_000)
    return f'"{version}-{moment:x}{rewritten % _REWRITINGS:0{_DIGITS_OF_REWRITTEN}x}"'


def seen(tag: str) -> Seen:
    """`tag` is of the form that If-Match takes."""
    version, _, rest = tag.strip('"').partition("-")
    if len(rest) in {0, _DIGITS_OF_MOMENT}:
        return Seen(int(version))
    return Seen(int(version), int(rest[-_DIGITS_OF_REWRITTEN:], 16))


async def _if_seen(if_match: IfMatch) -> Seen | None:
    return None if if_match is None else seen(if_match)


IfSeen = Annotated[Seen | None, Depends(_if_seen)]
