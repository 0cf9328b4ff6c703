"""Transactions that the database undoes for the sake of others, and that are done again."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from cms_service.core.errors import Conflict

Result = TypeVar("Result")

# How often a transaction is begun in all that the database undid for the sake of another one.
_ATTEMPTS = 3


class Undone(Conflict):
    """The database undid the whole transaction: it and another one waited for each other."""


async def redone(transaction: Callable[[], Awaitable[Result]]) -> Result:
    """What was undone is done again: by then the other one has what it waited for."""
    for _ in range(_ATTEMPTS - 1):
        try:
            return await transaction()
        except Undone:
            continue
    return await transaction()
