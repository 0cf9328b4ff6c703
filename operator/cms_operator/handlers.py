"""Events of HeadlessCMS objects, and those of their children, become keys in the queue."""

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import kopf

from cms_operator.cluster.client import WATCH_SECONDS
from cms_operator.cluster.kinds import SECRET, Kind
from cms_operator.cluster.pause import PAUSE_SECONDS
from cms_operator.cluster.store import Key, Store, key_of
from cms_operator.observability.metrics import WATCH_EVENTS

# Of a list: there are several copies of a page, and a task for each object.
PAGE = 50
NEVER_SECONDS = 10 * 365 * 86400.0
# Tells which HeadlessCMS objects read a Secret of this namespace and name.
ReadersOf = Callable[[str, str], set[Key]]


class Events:
    """Takes events into the store and queues whom they concern."""

    def __init__(self, store: Store, queue: Callable[[Key], None], readers_of: ReadersOf) -> None:
        self._store = store
        self._queue = queue
        self._readers_of = readers_of

    def take(self, kind: Kind, event_type: str | None, found: dict[str, Any]) -> None:
        WATCH_EVENTS.labels(kind.plural).inc()
        metadata = found["metadata"]
        known = self._store.get(kind, metadata["namespace"], metadata["name"])
        gone = event_type == "DELETED"
        changed = self._store.discard(kind, found) if gone else self._store.put(kind, found)
        if not changed:
            return
        # What has lost its owner or its label still concerns its HeadlessCMS.
        for key in (key_of(kind, found), known and key_of(kind, known)):
            if key:
                self._queue(key)
        if kind is SECRET:
            for reader in self._readers_of(metadata["namespace"], metadata["name"]):
                self._queue(reader)


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
    # It looks once for what it shall watch (cluster/kopf_session.py), and watches no CRDs.
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
