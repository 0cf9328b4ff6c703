"""The Lease by which one of several operators leads: read, watched and written."""

import asyncio
import logging
from dataclasses import dataclass
from typing import Any

from cms_operator.api.objects import Object
from cms_operator.cluster.cache.store import TurnedBackError
from cms_operator.cluster.kinds import Kind
from cms_operator.cluster.transport.api_error import FAILURES, ApiError
from cms_operator.cluster.transport.client import MERGE, KubernetesClient
from cms_operator.cluster.transport.fence import clock
from cms_operator.election import Timing, View, see

log = logging.getLogger(__name__)

LEASE = Kind("coordination.k8s.io/v1", "Lease", "leases")


@dataclass(frozen=True, slots=True)
class Place:
    namespace: str
    name: str


class Lease:
    """`view` is how the Lease was seen last; before the first read it is as if there were none.

    `news` is set each time that it is seen. A watch may bring old news from an API server that
    lags. But reads, which name no version, and writes are answered from a majority of etcd: an
    answer older than what was seen before the request comes from a restored database.
    """

    def __init__(self, client: KubernetesClient, place: Place, timing: Timing) -> None:
        self._client = client
        self._place = place
        self._timing = timing
        self.view = View({}, None, clock())
        self.news = asyncio.Event()
        self._newest = 0  # version that was seen

    async def read(self) -> None:
        """See the Lease as it is now. Raises FAILURES, TurnedBackError."""
        known = self._newest
        path = LEASE.path(self._place.namespace, self._place.name)
        try:
            found = await self._request("GET", path, seconds=self._timing.request)
        except ApiError as error:
            if not error.is_not_found:
                raise
            self._see(None, None)
        else:
            self._answered(found, known)

    async def write(self, spec: Object, seconds: float) -> None:
        """Write the Lease, unless it has changed since it was seen.

        Raises FAILURES, TurnedBackError.
        """
        known = self._newest
        namespace, name = self._place.namespace, self._place.name
        if self.view.version is None:
            path, metadata = LEASE.path(namespace), {"name": name, "namespace": namespace}
            body = {"apiVersion": LEASE.api_version, "kind": LEASE.name, "metadata": metadata}
            answer = await self._request("POST", path, body={**body, "spec": spec}, seconds=seconds)
        else:
            guard = {"resourceVersion": str(self.view.version)}
            answer = await self._request(
                "PATCH",
                LEASE.path(namespace, name),
                body={"metadata": guard, "spec": spec},
                content_type=MERGE,
                seconds=seconds,
            )
        self._answered(answer, known)

    async def _request(self, method: str, path: str, **how: Any) -> Any:
        """Ask once: a claim that waits for a busy server comes too late."""
        return await self._client.request(method, path, tries=1, **how)

    async def watch_forever(self) -> None:
        """See changes at once, and so claim at once what is given back. Raises TurnedBackError."""
        told = ""
        while True:
            began = clock()
            try:
                await self._watch()
                told = ""
            except FAILURES as error:
                # Claims fail for the same reason and tell so; it is enough once.
                if told != (told := repr(error)):
                    log.info("the watch of the lease %s broke off: %s", self._place.name, told)
            except TurnedBackError:
                raise
            except Exception:
                log.exception("the watch of the lease %s broke off", self._place.name)
            await asyncio.sleep(max(0.0, began + self._timing.retry - clock()))

    async def _watch(self) -> None:
        await self.read()
        query = {"fieldSelector": f"metadata.name={self._place.name}"}
        if self.view.version is not None:
            query["resourceVersion"] = str(self.view.version)
        async for event in self._client.watch(LEASE.path(self._place.namespace), query):
            if event["type"] == "DELETED":
                self._see(None, _version(event["object"]))
            elif event["type"] != "BOOKMARK":
                self._take(event["object"])

    def _answered(self, found: Object, known: int) -> None:
        if _version(found) < known:
            self.news.set()
            raise TurnedBackError(LEASE)
        self._take(found)

    def _take(self, found: Object) -> None:
        self._see(found.get("spec") or {}, _version(found))

    def _see(self, spec: Object | None, version: int | None) -> None:
        before = self.view.holder
        self._newest = max(self._newest, version or 0)
        self.view = see(self.view, spec, version, clock())
        self.news.set()
        if self.view.holder not in ("", before):
            log.info("the lease %s is held by %s", self._place.name, self.view.holder)


def _version(found: Object) -> int:
    return int(found["metadata"]["resourceVersion"])
