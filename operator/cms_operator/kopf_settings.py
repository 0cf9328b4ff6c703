"""How kopf is set up: it reads HeadlessCMS objects and writes nothing at all."""

import itertools
from collections.abc import Iterator
from typing import Any

import kopf

from cms_operator.cluster.transport.client import WATCH_SECONDS
from cms_operator.cluster.watching.pause import PAUSE_SECONDS

# Objects in a page of a list: there are several copies of a page, and a task for each object.
PAGE = 50
NEVER_SECONDS = 10 * 365 * 86400.0


class _Patience:
    """Endless delays, in seconds, between kopf's tries of one request."""

    def __iter__(self) -> Iterator[float]:
        yield from (1, 1, 2, 3, 5, 8)
        yield from itertools.repeat(13)


class _NoDiffs(kopf.DiffBaseStorage):
    """There are no handlers of changes, for which kopf would copy and compare each object."""

    def build(self, **_: Any) -> kopf.BodyEssence:
        return kopf.BodyEssence()

    def fetch(self, **_: Any) -> kopf.BodyEssence | None:
        return None

    def store(self, **_: Any) -> None:
        """Nothing."""


def configure(settings: kopf.OperatorSettings) -> None:
    """Let kopf read HeadlessCMS objects, and write nothing at all."""
    # It looks once for what it shall watch (cluster/watching/kopf_session.py), and watches no CRDs.
    settings.scanning.disabled = True
    settings.watching.chunk_size = PAGE
    settings.watching.reconnect_backoff = PAUSE_SECONDS
    # Else each object of a list has a task for 5 s.
    settings.queueing.idle_timeout = 0.1
    settings.watching.server_timeout = WATCH_SECONDS
    # The session ends a watch that is silent for longer, and at a time that suits kopf.
    settings.watching.inactivity_timeout = NEVER_SECONDS
    settings.networking.error_backoffs = _Patience()
    settings.posting.enabled = False
    # Operators find one another by the Lease; kopf's own way would write, and pause them all.
    settings.peering.standalone = True
    # No object can have this one, so kopf finds none that it would have to remove.
    settings.persistence.finalizer = "none of kopf"
    settings.persistence.diffbase_storage = _NoDiffs()
