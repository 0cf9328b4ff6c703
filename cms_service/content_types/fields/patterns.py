"""Regular expressions of tenants, in linear time: the engine is Rust's regex crate, which never
backtracks.
"""

import re
from functools import lru_cache
from typing import Annotated

from pydantic import StringConstraints, TypeAdapter, ValidationError
from pydantic_core import SchemaError

# What Rust's and JavaScript's dialects do not read alike.
_DIALECT = re.compile(r"\\[A-Za-z0-9<]|\(\?|\[\^?\]|\[[^\]]*\[|&&|--|~~|\{,")


@lru_cache(maxsize=500)
def compiled(pattern: str) -> TypeAdapter[str]:
    """Raises ValueError."""
    try:
        return TypeAdapter(Annotated[str, StringConstraints(pattern=pattern)])
    except SchemaError:
        raise ValueError("pattern is not a supported regular expression") from None


def matches(pattern: str, text: str) -> bool:
    try:
        compiled(pattern).validate_python(text)
    except ValidationError:
        return False
    return True


def is_portable(pattern: str) -> bool:
    """Whether a JSON Schema may repeat it: others read it in their own dialects."""
    return _DIALECT.search(pattern) is None
