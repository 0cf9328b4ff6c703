"""Events of HeadlessCMS objects, and those of their children, become keys in the queue."""

from collections.abc import Callable
from typing import Any

from cms_operator.cluster.cache.store import Store
from cms_operator.cluster.keys import Key, key_of
from cms_operator.cluster.kinds import SECRET, Kind
from cms_operator.observability.metrics import WATCH_EVENTS

# Tells which HeadlessCMS objects read a Secret of this namespace and name.
ReadersOf = Callable[[str, str], set[Key]]


class EventSink:
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
