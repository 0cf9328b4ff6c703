"""What is asked outside of the tenants' shares of the connections: the service's own work, and what
a task asks for that holds a connection already, and would wait for itself.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

unshared: ContextVar[bool] = ContextVar("unshared", default=False)


@contextmanager
def outside_shares() -> Iterator[None]:
    token = unshared.set(True)
    try:
        yield
    finally:
        unshared.reset(token)
