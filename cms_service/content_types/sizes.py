"""How large definitions are. Every pod holds some of every tenant in memory."""

from collections.abc import Sequence

from cms_service.content_types.fields import BaseField
from cms_service.core.errors import FieldError, Invalid

# As JSON. A field without texts of its own has some 150.
MAX_BYTES = 256 * 1024

# As JSON, of those that are held together: as objects they take up to ten times as much.
MAX_HELD_BYTES = 2_000_000


def size_of(fields: Sequence[BaseField]) -> int:
    """Bytes of JSON."""
    return sum(len(field.model_dump_json().encode()) for field in fields)


def check_size(fields: Sequence[BaseField], old: Sequence[BaseField] = ()) -> None:
    """Raises Invalid. What an earlier release let in may stay, and get smaller."""
    size = size_of(fields)
    if size > MAX_BYTES and size > size_of(old):
        raise Invalid(
            "The definition is too large.",
            (
                FieldError(
                    "/fields",
                    f"are {size:,} bytes of JSON, of {MAX_BYTES:,} at most: make lists of values"
                    " shorter, or other types of some of the fields",
                ),
            ),
        )
