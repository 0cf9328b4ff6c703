"""Where spans begin and end: requests, SQL statements, Redis commands. Nothing is recorded unless
it is asked for.
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from functools import cached_property
from typing import Protocol

from cms_service.core.telemetry import trace_context
from cms_service.core.telemetry.trace_context import TraceContext

# Around one call of another server; the argument says what is done there, in a few fixed words.
ClientSpan = Callable[[str], AbstractContextManager[object]]


class RequestSpan(Protocol):
    @property
    def context(self) -> TraceContext: ...

    def end(self, route: str, status: int) -> None: ...


class Tracing(Protocol):
    def request(self, scope: Mapping[str, object], parent: TraceContext | None) -> RequestSpan: ...

    def client(self, attributes: Mapping[str, str | int], named_by: str) -> ClientSpan:
        """`attributes` are those that all calls have, `named_by` the one that says what is
        done.
        """

    async def close(self, seconds: float) -> None:
        """Sends what is left, for so long at most."""


class _Unrecorded:
    def __init__(self, parent: TraceContext | None) -> None:
        self._parent = parent

    @cached_property
    def context(self) -> TraceContext:
        """Made for the first line of the log that needs it: most requests have none."""
        return trace_context.begin(self._parent)

    def end(self, route: str, status: int) -> None:
        pass


class Untraced:
    """Only keeps a trace together in the logs."""

    def request(self, _scope: Mapping[str, object], parent: TraceContext | None) -> RequestSpan:
        return _Unrecorded(parent)

    def client(self, _attributes: Mapping[str, str | int], _named_by: str) -> ClientSpan:
        nothing = nullcontext()
        return lambda _operation: nothing

    async def close(self, seconds: float) -> None:
        pass


UNTRACED = Untraced()
