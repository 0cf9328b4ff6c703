"""The status as it is written, and the Events and numbers that tell what is new in it."""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from cms_operator.api.objects import Object
from cms_operator.api.status import Status
from cms_operator.cluster.keys import Key
from cms_operator.cluster.transport.api_error import FAILURES
from cms_operator.cluster.writing.status_writer import StatusWriter
from cms_operator.observability.measuring import phase
from cms_operator.observability.metrics import ROLLOUT_SECONDS
from cms_operator.reporting.endings import ended
from cms_operator.reporting.events import event, happenings

log = logging.getLogger(__name__)


class Publisher:
    """Writes statuses and tells what is new in them; `cost` is the time that a write takes."""

    def __init__(self, writer: StatusWriter, now: Callable[[], datetime]) -> None:
        self._writer = writer
        self._now = now
        self._told: dict[Key, Status] = {}
        self.cost = timedelta()

    def forget(self, key: Key) -> None:
        self._told.pop(key, None)

    @phase("report")
    async def publish(self, parent: Object, before: Status, after: Status) -> bool:
        """Write the status where it differs, and tell what is new in it.

        Raises what the client raises: the write may stand all the same, and what is new in it is
        told by the next call.
        """
        metadata = parent["metadata"]
        key = Key(metadata["namespace"], metadata["name"])
        started = self._now()
        told = self._told.setdefault(key, before)
        written = await self._writer.write(parent, after.to_json())
        del self._told[key]
        if written:
            self.cost = (self.cost + (self._now() - started)) / 2
        if written or told != before:
            await self._tell(parent, told, after)
        return written

    async def _tell(self, parent: Object, before: Status, after: Status) -> None:
        if end := ended(before.rollout, after.rollout, self._now()):
            ROLLOUT_SECONDS.labels(end.strategy, end.outcome).observe(end.seconds)
        for happening in happenings(before, after):
            log.info("%s: %s", happening.reason, happening.note)
            await self._send(parent, event(parent, happening, self._now()))

    async def _send(self, parent: Object, body: Object) -> None:
        """An Event is a courtesy: a server that refuses it, or is away, stops no reconcile."""
        try:
            await self._writer.create_event(parent["metadata"]["namespace"], body)
        except FAILURES as error:
            log.warning("the Event %s was not taken: %s", body["reason"], error)
