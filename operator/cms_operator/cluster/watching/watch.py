"""Follow the children of all HeadlessCMS objects, one kind and one connection at a time.

kopf could, as it follows the HeadlessCMS objects themselves (kopf_session.py). But for each object
it keeps a memory and for each event it runs a task, and there are many more children, most of whose
events are no news. A kind of theirs may also be missing, come late or go.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from cms_operator.cluster.cache.store import Store, TurnedBackError
from cms_operator.cluster.keys import Key
from cms_operator.cluster.kinds import Kind
from cms_operator.cluster.transport.api_error import NO_ANSWER, ApiError
from cms_operator.cluster.transport.client import KubernetesClient
from cms_operator.cluster.watching.pause import Pause
from cms_operator.cluster.watching.resync import relist, selection
from cms_operator.observability.metrics import WATCH_ERRORS

log = logging.getLogger(__name__)

Take = Callable[[Kind, str, dict[str, Any]], None]
Listed = Callable[[Kind, str | None], None]


class Watch:
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
        listed: Listed,
    ) -> None:
        self._client = client
        self._store = store
        self._kind = kind
        self._namespace = namespace
        self._take = take
        self._queue = queue
        self._listed = listed
        self._seen: str | None = None  # the resourceVersion up to which all is known
        self._pause = Pause()
        self._look = asyncio.Event()
        self._look.set()

    def look(self, kind: Kind) -> None:
        """Try again: a successful write of the kind or a resync shows that it may be there."""
        if kind is self._kind:
            self._look.set()

    async def list(self) -> None:
        """Take what is there into the store, so that `run` goes on from here.

        Raises TurnedBackError, ApiError, aiohttp.ClientError, TimeoutError.
        """
        version = await relist(self._client, self._store, self._kind, self._namespace, self._queue)
        self._seen = None if version is None else str(version)
        self._listed(self._kind, self._namespace)

    async def run(self) -> None:
        """Follow the kind until cancelled. Raises TurnedBackError."""
        while True:
            await self._look.wait()
            await self._pause.begin()
            self._look.clear()
            if await self._try():
                self._look.set()

    async def _try(self) -> bool:
        """Follow the kind until the watch ends; False where the cluster lacks it."""
        try:
            found = await self._follow()
        except ApiError as error:
            # 410 Gone above all: what has happened since then the server no longer knows.
            if not error.leaves_the_copy_good:
                self._seen = None
            self._was_refused(error)
        except NO_ANSWER as error:
            self._broke_off(error)
        except TurnedBackError:
            raise
        except Exception as error:
            self._seen = None
            log.exception("unexpected failure in the watch of %s; listing again", self._kind.plural)
            self._broke_off(error)
        else:
            self._pause.went_well()
            return found
        return True

    def _was_refused(self, error: ApiError) -> None:
        """Log a refusal, which may last for days, once."""
        if not error.is_about_one_kind:
            self._broke_off(error, error.patience or 0.0)
        elif self._pause.refused(str(error)):
            self._tell(error)

    def _broke_off(self, error: Exception, patience: float = 0.0) -> None:
        self._pause.broke_off(patience)
        self._tell(error)

    def _tell(self, error: Exception) -> None:
        log.info("the watch of %s broke off: %s", self._kind.plural, error)
        WATCH_ERRORS.labels(self._kind.plural).inc()

    async def _follow(self) -> bool:
        if self._seen is None:
            await self.list()
        if self._seen is None:
            return False
        query = {**selection(self._kind), "resourceVersion": self._seen}
        async for event in self._client.watch(self._kind.path(self._namespace), query):
            if event["type"] != "BOOKMARK":
                self._take(self._kind, event["type"], event["object"])
            version = event["object"]["metadata"]["resourceVersion"]
            self._store.hear(self._kind, self._namespace, int(version))
            self._seen = version
            self._pause.went_well()
        return True
