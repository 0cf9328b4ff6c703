"""Puts entries in the place of the references to them. Each was read once, and may be shown many
times. Their texts are not parsed: one begins with the entry's id and ends with its fields. Pure.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import orjson

from cms_service.delivery.query.expansions import Expansion

# PostgreSQL writes entries as `items` tells it: {"id" : "…", …, "fields" : {…}}
_ID = slice(len('{"id" : "'), len('{"id" : "') + 36)
_END = b"}}"
_END_OF_NO_FIELDS = b"{}}"

# What a field refers to; False where the expansion is not for the entry's type.
_Reference = str | list[str] | bool | None


class TooLargeError(Exception):
    pass


@dataclass(frozen=True)
class Fetched:
    """What a statement of `included.Shown` has yielded; None where there are no entries."""

    entries: Sequence[list[bytes] | None]
    references: str | None


def composed(fetched: Fetched, expansions: Sequence[Expansion], most: int) -> list[bytes]:
    """The entries, with those that they refer to. Raises TooLargeError where they have more than
    `most` bytes.
    """
    references = orjson.loads(fetched.references) if fetched.references else ()
    return _next(_Unread(iter(fetched.entries), iter(references)), expansions, most)


@dataclass(frozen=True)
class _Unread:
    entries: Iterator[list[bytes] | None]
    references: Iterator[list[list[_Reference]] | None]


def _next(unread: _Unread, expansions: Sequence[Expansion], most: int) -> list[bytes]:
    entries = next(unread.entries) or []
    if not expansions:
        _check(entries, most)
        return entries
    references = next(unread.references) or []
    members = []
    left = most
    for expansion in expansions:
        included = _next(unread, expansion.inner, left)
        left -= sum(map(len, included))  # each is shown at least once
        members.append(_Member(expansion.field, included))
    whole = []
    for entry, own in zip(entries, references, strict=True):
        pieces = _pieces(entry, own, members)
        most = _check(pieces, most)
        whole.append(b"".join(pieces))
    return whole


def _check(texts: Iterable[bytes], most: int) -> int:
    """The bytes that are left of `most`. Raises TooLargeError where the texts have more."""
    left = most - sum(map(len, texts))
    if left < 0:
        raise TooLargeError
    return left


class _Member:
    """A field with references, and the entries that they may show."""

    def __init__(self, field: str, included: Iterable[bytes]) -> None:
        self.name = orjson.dumps(field) + b": "
        self.included: dict[object, bytes] = {text[_ID].decode(): text for text in included}


def _pieces(
    entry: bytes, references: Iterable[_Reference], members: Iterable[_Member]
) -> list[bytes]:
    pieces = [entry[: -len(_END)]]
    separator = b"" if entry.endswith(_END_OF_NO_FIELDS) else b", "
    for reference, member in zip(references, members, strict=True):
        if reference is False:
            continue
        pieces += (separator, member.name)
        separator = b", "
        if isinstance(reference, list):
            _add_list(pieces, reference, member.included)
        else:
            pieces.append(member.included.get(reference, b"null"))
    pieces.append(_END)
    return pieces


def _add_list(
    pieces: list[bytes], references: Iterable[str], included: dict[object, bytes]
) -> None:
    before = b"["
    for reference in references:
        if reference in included:
            pieces += (before, included[reference])
            before = b", "
    pieces.append(b"[]" if before == b"[" else b"]")
