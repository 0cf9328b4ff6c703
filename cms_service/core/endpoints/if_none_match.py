"""The header by which a reader says what it has already (RFC 9110, 13.1.2)."""

from typing import Annotated

from fastapi import Header

IfNoneMatch = Annotated[
    str | None,
    Header(
        pattern=r'^(\*|(W/)?"[!#-~]*"(, ?(W/)?"[!#-~]*")*)$',
        max_length=1000,
        examples=['"0123456789abcdef0123456789abcdef"'],
        description="`ETag` of the answer that is at hand: 304 where it is still the same",
    ),
]


def holds(if_none_match: bytes | None, etag: bytes) -> bool:
    """Compares weakly: `W/` makes no difference."""
    if if_none_match is None:
        return False
    if if_none_match == etag:
        return True
    tags = (tag.strip().removeprefix(b"W/") for tag in if_none_match.split(b","))
    return any(tag in (etag, b"*") for tag in tags)
