"""Where spans begin and end: a reconcile, its phases, its requests to the API server.

Nothing is recorded unless it is asked for, and the code that records is not even imported then.
"""

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from contextvars import ContextVar
from typing import Protocol

Attributes = Mapping[str, str | int]

# Trace and span, in hexadecimal digits, of what is being recorded.
here: ContextVar[tuple[str, str] | None] = ContextVar("here", default=None)


class Span(Protocol):
    def set(self, name: str, value: str | int) -> None:
        """Add an attribute: fixed words, numbers and names of objects, nothing else."""


class Tracing(Protocol):
    def reconcile(self, attributes: Attributes) -> AbstractContextManager[Span]:
        """Begin a trace, if this reconcile is among those that are chosen."""

    def inside(
        self, name: str, attributes: Attributes, *, calls: bool = False
    ) -> AbstractContextManager[Span]:
        """Begin a span in the reconcile that is recorded, if one is; `calls`: to another server."""

    async def close(self, seconds: float) -> None:
        """Send what is left, for so long at most."""


class _Unrecorded:
    def set(self, name: str, value: str | int) -> None:
        pass


UNRECORDED = _Unrecorded()
NOTHING = nullcontext(UNRECORDED)


class Untraced:
    def reconcile(self, _attributes: Attributes) -> AbstractContextManager[Span]:
        return NOTHING

    def inside(
        self, _name: str, _attributes: Attributes, *, calls: bool = False
    ) -> AbstractContextManager[Span]:
        del calls
        return NOTHING

    async def close(self, seconds: float) -> None:
        pass


class Switch:
    """Holds the tracing in use; process.py puts another one in its place where it is on."""

    def __init__(self) -> None:
        self.now: Tracing = Untraced()


tracing = Switch()
