"""The header by which a writer says what it has seen (RFC 9110, 13.1.1): a version. What may follow
it tells apart answers about one version; it is up to the kind of object what of that matters.
"""

from typing import Annotated

from fastapi import Depends, Header

from cms_service.core.endpoints.answers import answers
from cms_service.core.errors import PreconditionFailed


@answers(PreconditionFailed)
async def _if_match(
    if_match: Annotated[
        str | None,
        Header(
            pattern=r'^"[0-9]{1,9}(-[0-9a-f]{1,16})?"$',
            examples=['"3"'],
            description="`ETag` of what is to be changed: 412 where it is another one by now",
        ),
    ] = None,
) -> str | None:
    return if_match


IfMatch = Annotated[str | None, Depends(_if_match)]
