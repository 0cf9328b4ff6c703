"""kopf's events of HeadlessCMS objects, and those of their children, become keys in the queue."""

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import kopf

from cms_operator.cluster.kinds import HEADLESS_CMS, SECRET, Kind
from cms_operator.cluster.store import Key, Store, key_of
from cms_operator.observability.metrics import WATCH_ERRORS, WATCH_EVENTS
from cms_operator.workqueue import WorkQueue

# Tells which HeadlessCMS objects read a Secret of this namespace and name.
ReadersOf = Callable[[str, str], set[Key]]


class Events:
    """Takes events into the store and queues whom they concern."""

    def __init__(self, store: Store, queue: WorkQueue[Key], readers_of: ReadersOf) -> None:
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
                self._queue.add(key)
        if kind is SECRET:
            for reader in self._readers_of(metadata["namespace"], metadata["name"]):
                self._queue.add(reader)


def register(events: Callable[[], Events]) -> None:
    """Let kopf watch the parents; `events` exists only after the start."""
    kind = HEADLESS_CMS

    @kopf.on.event(kind.group, kind.version, kind.plural, id=f"watch-{kind.plural}")
    async def watch(event: kopf.RawEvent, **_: Any) -> None:
        found = {"apiVersion": kind.api_version, "kind": kind.name, **event["object"]}
        events().take(kind, event["type"], found)


class _Patience:
    """Delays between the tries of a watch that the server refuses, without an end, in seconds."""

    def __iter__(self) -> Iterator[float]:
        for delay in itertools.chain((1, 1, 2, 3, 5, 8), itertools.repeat(13)):
            yield delay
            # kopf takes the next delay only when a request has failed.
            WATCH_ERRORS.labels(HEADLESS_CMS.plural).inc()


class _NoDiffBase(kopf.DiffBaseStorage):
    """kopf cuts out each object's essence to tell what has changed in it; nobody here asks that.

    It would be most of the price of an event.
    """

    def fetch(self, **_: Any) -> None:
        return None

    def build(self, **_: Any) -> kopf.BodyEssence:
        return kopf.BodyEssence({})

    def store(self, **_: Any) -> None:
        return None


def configure_watches(settings: kopf.OperatorSettings) -> None:
    """Let no failure end the watch, and no event cost much."""
    settings.networking.error_backoffs = _Patience()
    settings.posting.enabled = False
    settings.persistence.diffbase_storage = _NoDiffBase()
