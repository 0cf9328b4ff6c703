"""Watch a kind that the cluster may lack, or get and lose while the operator runs.

kopf looks for a new kind at the events of its CRD alone, which may come before the API
server serves it, and ends where a kind that it watches goes.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import aiohttp

from cms_operator.cluster.client import ApiError, KubernetesClient
from cms_operator.cluster.kinds import Kind
from cms_operator.cluster.resync import relist, selection
from cms_operator.cluster.store import Key, Store

log = logging.getLogger(__name__)

# After a watch that was refused or broke off.
PAUSE_SECONDS = 2.0

Take = Callable[[Kind, str, dict[str, Any]], None]


class LateWatch:
    """One kind in one namespace, or in all; it sleeps while the cluster lacks the kind."""

    def __init__(  # noqa: PLR0913  - where to look, and whom to tell
        self,
        client: KubernetesClient,
        store: Store,
        kind: Kind,
        namespace: str | None,
        *,
        take: Take,
        queue: Callable[[Key], None],
    ) -> None:
        self._client = client
        self._store = store
        self._kind = kind
        self._namespace = namespace
        self._take = take
        self._queue = queue
        self._look = asyncio.Event()
        self._look.set()

    def look(self, kind: Kind) -> None:
        """Something shows that the kind may be there: a write of it that went well, a resync."""
        if kind is self._kind:
            self._look.set()

    async def run(self) -> None:
        """Until it is cancelled."""
        while True:
            await self._look.wait()
            self._look.clear()
            if await self._try():
                self._look.set()
            await asyncio.sleep(PAUSE_SECONDS)

    async def _try(self) -> bool:
        """Follow the kind until the watch ends; False where the cluster lacks it."""
        try:
            return await self._follow()
        except (ApiError, aiohttp.ClientError, TimeoutError) as error:
            log.info("the watch of %s broke off: %s", self._kind.plural, error)
        except Exception:
            log.exception("the watch of %s broke off", self._kind.plural)
        return True

    async def _follow(self) -> bool:
        found = await relist(self._client, self._store, self._kind, self._namespace)
        for key in found.changed:
            self._queue(key)
        if found.version is None:
            return False
        query = {**selection(self._kind), "resourceVersion": str(found.version)}
        async for event in self._client.watch(self._kind.path(self._namespace), query):
            if event["type"] != "BOOKMARK":
                self._take(self._kind, event["type"], event["object"])
        return True
