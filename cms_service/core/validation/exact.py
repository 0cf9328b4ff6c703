"""Values as the API describes them, and in no other way: pydantic by itself also takes "yes" for a
truth, "1.0" for a whole number, a number for a moment and an identifier in braces.
"""

import re
from datetime import UTC
from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field, StrictBool

ID_PATTERN = r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$"
# RFC 3339 with an offset, in years that PostgreSQL and every client can hold in any zone.
MOMENT_PATTERN = (
    r"^(19[7-9][0-9]|2[0-9]{3})-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-5][0-9](\.[0-9]{1,6})?"
    r"(Z|[+-][0-9]{2}:[0-9]{2})$"
)
_DIGITS = re.compile(r"-?(0|[1-9][0-9]{0,18})", re.ASCII)


def _identifier(value: Any) -> Any:
    return _matching(ID_PATTERN, value, "must be an identifier (UUID)")


def _moment(value: Any) -> Any:
    return _matching(
        MOMENT_PATTERN, value, "must be a time like 2026-01-31T12:00:00Z, from 1970 to 2999"
    )


def _matching(pattern: str, value: Any, detail: str) -> Any:
    if isinstance(value, str) and re.fullmatch(pattern[1:-1], value, re.ASCII) is None:
        raise ValueError(detail)
    if isinstance(value, int | float):
        raise ValueError(detail)  # noqa: TRY004 - a wrong value, whatever its type
    return value


def _whole(value: Any) -> Any:
    """JSON Schema takes 1.0 for an integer, but not true."""
    if isinstance(value, str | bool):
        raise ValueError("must be a whole number")  # noqa: TRY004 - a wrong value, whatever its type
    return value


def _spelled_number(value: Any) -> Any:
    if isinstance(value, str) and _DIGITS.fullmatch(value) is None:
        raise ValueError("must be a whole number")
    return value


def _spelled_truth(value: Any) -> Any:
    if isinstance(value, str) and value not in {"true", "false"}:
        raise ValueError("must be true or false")
    return value


Identifier = Annotated[
    UUID, BeforeValidator(_identifier), Field(json_schema_extra={"pattern": ID_PATTERN})
]
# In UTC: PostgreSQL knows no zone that is 16 hours away or more.
Moment = Annotated[
    AwareDatetime,
    BeforeValidator(_moment),
    AfterValidator(lambda moment: moment.astimezone(UTC)),
    Field(json_schema_extra={"pattern": MOMENT_PATTERN}),
]
# In a body.
Flag = StrictBool
# In a path or a query, where all is text.
SpelledFlag = Annotated[bool, BeforeValidator(_spelled_truth)]

# For an int, after its bounds: what is checked first stands last.
WHOLE = BeforeValidator(_whole)
SPELLED_WHOLE = BeforeValidator(_spelled_number)
