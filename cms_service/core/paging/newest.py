"""Statements of newest-first lists, and the values that they take: `limit`, and `at` and `lastId`
of the last row that was seen.
"""

from cms_service.core.paging.cursor import Cursor


def newest_first(row: str, at: str = "created_at") -> str:
    """A condition, the order and the limit: goes after WHERE or AND. `row` is the rows' alias."""
    return f"""($1->>'at' IS NULL
            OR ({row}.{at}, {row}.id) < (($1->>'at')::timestamptz, ($1->>'lastId')::uuid))
        ORDER BY {row}.{at} DESC, {row}.id DESC LIMIT ($1->>'limit')::int"""


def page_values(limit: int, after: Cursor | None) -> dict[str, object]:
    return {
        "limit": limit,
        "at": after.at if after else None,
        "lastId": after.id if after else None,
    }
