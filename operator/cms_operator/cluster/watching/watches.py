"""All watches of children, and the first list of all that is there."""

import asyncio
import itertools
import logging
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

from cms_operator.cluster.cache.store import Store
from cms_operator.cluster.keys import Key
from cms_operator.cluster.kinds import CHILDREN, HEADLESS_CMS, Kind
from cms_operator.cluster.transport.api_error import FAILURES, ApiError
from cms_operator.cluster.transport.client import KubernetesClient
from cms_operator.cluster.watching.coverage import Coverage, Space
from cms_operator.cluster.watching.resync import relist
from cms_operator.cluster.watching.watch import Take, Watch

log = logging.getLogger(__name__)


class Watches:
    """`take` gets the events; `queue` gets the keys that a list concerns, and all keys of a
    namespace once all of it is known.
    """

    def __init__(
        self,
        client: KubernetesClient,
        store: Store,
        spaces: tuple[Space, ...],
        take: Take,
        queue: Callable[[Key], None],
    ) -> None:
        self._client = client
        self._store = store
        self._queue = queue
        coverage = Coverage(spaces, CHILDREN, self._queue_all_of)
        self.covers = coverage.covers
        self._watches = {
            space: [
                Watch(client, store, kind, space, take=take, queue=queue, listed=coverage.listed)
                for kind in CHILDREN
            ]
            for space in spaces
        }

    async def list(self) -> None:
        """Wait for an API server that is away, and for a CRD that is not installed yet.

        A namespace that is gone, or may not be read, keeps no other one back: its watches go on
        trying, and until all of it is known nothing is done there. Raises TurnedBackError.
        """
        for delay in itertools.chain((1, 2, 5), itertools.repeat(10)):
            try:
                known = [await self._list(space) for space in self._watches]
            except FAILURES as error:
                log.warning("cannot list what is there, again in %d s: %s", delay, error)
            else:
                if any(known):
                    return
                log.warning("cannot list what is there, again in %d s", delay)
            await asyncio.sleep(delay)

    def runs(self) -> Iterator[Coroutine[Any, Any, None]]:
        """What follows each kind until it is cancelled."""
        return (watch.run() for watch in self._all())

    def look(self, kind: Kind) -> None:
        """See Watch.look."""
        for watch in self._all():
            watch.look(kind)

    def _all(self) -> Iterator[Watch]:
        return itertools.chain.from_iterable(self._watches.values())

    async def _list(self, space: Space) -> bool:
        """Take in what is in a namespace; False where some of it may not be listed, or is gone.

        Raises TurnedBackError, ApiError, aiohttp.ClientError, TimeoutError.
        """
        try:
            await relist(self._client, self._store, HEADLESS_CMS, space, self._queue)
            for watch in self._watches[space]:
                await watch.list()
        except ApiError as error:
            if not error.is_about_one_kind:
                raise
            where = f"namespace {space}" if space else "the cluster"
            log.warning("nothing is done in %s until all of it can be listed: %s", where, error)
            return False
        return True

    def _queue_all_of(self, space: Space) -> None:
        for key in self._store.parents(space):
            self._queue(key)
