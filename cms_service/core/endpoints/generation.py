"""The header by which a writer reads its own writes on any pod: a write answers with the
tenant's new generation, and delivery, when asked with it, answers with nothing older.
"""

from dataclasses import replace

from fastapi import Response

from cms_service.core.endpoints.answers import AnswerHeader

GENERATION_HEADER = "X-HCMS-Generation"
_MAX_DIGITS = 16

GENERATION = AnswerHeader(
    GENERATION_HEADER,
    "Delivery, asked with it, answers nothing that is older than this write",
    r"^[0-9]{1,16}$",
)
NEW_GENERATION = replace(GENERATION, always=False)


def set_generation(response: Response, generation: int) -> None:
    response.headers[GENERATION_HEADER] = str(generation)


def parse_generation(value: bytes) -> int:
    """Raises ValueError."""
    if not value.isdigit() or len(value) > _MAX_DIGITS:
        raise ValueError(f"{GENERATION_HEADER} must be a whole number")
    return int(value)
