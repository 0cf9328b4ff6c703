"""The header by which a writer says what it has seen (RFC 9110, 13.1.1): a version."""

from typing import Annotated

from fastapi import Depends, Header


async def _if_match(
    if_match: Annotated[str | None, Header(pattern=r'^"[0-9]{1,9}"$')] = None,
) -> int | None:
    return None if if_match is None else int(if_match.strip('"'))


IfVersion = Annotated[int | None, Depends(_if_match)]
