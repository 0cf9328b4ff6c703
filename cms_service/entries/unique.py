"""What an entry claims for itself alone. The database keeps the claims, in the transaction that
writes the entry.
"""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

import asyncpg

from cms_service.content_types.fields import BaseField
from cms_service.content_types.fields.scalar import UniqueField
from cms_service.core.errors import Conflict, FieldError

_CONSTRAINTS = frozenset({"unique_values_pkey", "published_unique_values_pkey"})


def claims(fields: Sequence[BaseField], stored: Mapping[str, Any]) -> list[dict[str, str]]:
    return [
        {
            "field": field.name,
            "locale": locale,
            "digest": sha256(field.identity(value)).hexdigest(),
        }
        for field in fields
        if isinstance(field, UniqueField) and field.unique and field.name in stored
        for locale, value in field.values_by_locale(stored[field.name]).items()
    ]


def taken(error: asyncpg.UniqueViolationError) -> Conflict | None:
    """None where it is about something else."""
    if error.constraint_name not in _CONSTRAINTS:
        return None
    name = error.column_name
    return Conflict(
        f"Another entry has this value in {name}, which is unique.",
        (FieldError(f"/fields/{name}", "is taken by another entry"),),
    )
