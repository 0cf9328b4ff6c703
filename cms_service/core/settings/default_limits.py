"""What a tenant may have, unless it has limits of its own."""

from typing import Annotated

from pydantic import Field, ValidationError

from cms_service.core.validation.schemas import RequestBody

_Most = Annotated[int, Field(ge=0, le=10**15)]


class DefaultLimits(RequestBody):
    """`bytes` are those of the entries' fields: drafts, published ones, versions and the bin."""

    content_types: _Most = 500
    entries: _Most = 1_000_000
    users: _Most = 1_000
    roles: _Most = 100
    api_keys: _Most = 500
    hosts: _Most = 100
    bytes: _Most = 10 * 1024**3


LIMITS = tuple(field.alias or name for name, field in DefaultLimits.model_fields.items())


def parse_limits(text: str | DefaultLimits) -> DefaultLimits:
    """Raises ValueError with a message that repeats no value."""
    if isinstance(text, DefaultLimits):
        return text
    try:
        return DefaultLimits.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise ValueError(f"{place or 'the text'}: {first['msg']}") from None
