"""The header by which a writer reads its own writes on any pod: a write answers with the
tenant's new generation, and delivery, when asked with it, answers with nothing older.
"""

from fastapi import Response

GENERATION_HEADER = "X-HCMS-Generation"
_MAX_DIGITS = 16


def set_generation(response: Response, generation: int) -> None:
    response.headers[GENERATION_HEADER] = str(generation)


def parse_generation(value: bytes) -> int:
    """Raises ValueError."""
    if not value.isdigit() or len(value) > _MAX_DIGITS:
        raise ValueError(f"{GENERATION_HEADER} must be a whole number")
    return int(value)
