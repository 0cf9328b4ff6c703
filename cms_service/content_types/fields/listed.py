"""Lists of items: how many there may be, and what is wrong with which."""

from collections.abc import Callable
from typing import Any, TypeVar

from cms_service.content_types.fields.base import (
    MOST_ERRORS,
    Context,
    RefusedValue,
    Shape,
    errors_at,
    pointer,
)
from cms_service.core.errors import FieldError

Item = TypeVar("Item")


def least_items(minimum: int, shape: Shape, *, required: bool) -> int:
    return max(minimum, int(required)) if shape.context.is_complete else 0


def check_items(value: Any, minimum: int, maximum: int, context: Context) -> None:
    """Raises ValueError."""
    if not isinstance(value, list):
        raise ValueError("must be a list")  # noqa: TRY004 - a wrong value, whatever its type
    if len(value) > maximum or (context.is_complete and len(value) < minimum):
        raise ValueError(f"must have {minimum} to {maximum} items")


def accept_items(items: list[Any], accept: Callable[[Any], Item]) -> list[Item]:
    """The items as they are stored. Raises RefusedValue with what is wrong with the first of them
    that are refused.
    """
    accepted: list[Item] = []
    errors: list[FieldError] = []
    for position, item in enumerate(items):
        try:
            accepted.append(accept(item))
        except ValueError as error:
            errors += errors_at(pointer(position), error)
            if len(errors) >= MOST_ERRORS:
                break
    if errors:
        raise RefusedValue(errors)
    return accepted
