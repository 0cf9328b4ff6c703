"""Replicas and their Lease, as the API server has it; in virtual time."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from copy import deepcopy
from typing import Any, cast

import aiohttp
import pytest

from cms_operator.cluster.cache.store import TurnedBackError
from cms_operator.cluster.leader_election import elector, lease
from cms_operator.cluster.leader_election.elector import Election, Elector
from cms_operator.cluster.leader_election.lease import Place
from cms_operator.cluster.transport.api_error import ApiError
from cms_operator.cluster.transport.client import KubernetesClient
from cms_operator.cluster.transport.fence import Fence
from cms_operator.election import Timing
from tests.support import virtual_time

HOUR = 3600.0
TIMING = Timing(15)
OTHERS_WRITES = 5000


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(elector, "clock", virtual_time.now)
    monkeypatch.setattr(lease, "clock", virtual_time.now)


class Server:
    """One Lease, and a count of versions that others' writes raise, too.

    `late` is told by each watch first, as by an API server whose cache lags.
    """

    def __init__(self) -> None:
        self.version = 1000
        self.lease: dict[str, Any] | None = None
        self.is_down = False
        self.late: dict[str, Any] | None = None

    async def request(self, method: str, _: str, body: Any = None, **__: Any) -> Any:
        await self._answer()
        if method != "POST" and self.lease is None:
            raise ApiError(404, "NotFound", "")
        if method == "GET":
            return self.lease
        if method == "POST" and self.lease is not None:
            raise ApiError(409, "AlreadyExists", "")
        if method == "PATCH" and body["metadata"]["resourceVersion"] != version_of(self.lease):
            raise ApiError(409, "Conflict", "")
        self.version += 1
        spec = {**(self.lease or {"spec": {}})["spec"], **body["spec"]}
        self.lease = {"metadata": {"resourceVersion": str(self.version)}, "spec": spec}
        return self.lease

    async def watch(self, _: str, query: Mapping[str, str]) -> AsyncIterator[dict[str, Any]]:
        since = int(query.get("resourceVersion", 0))
        if self.late:
            yield {"type": "MODIFIED", "object": self.late}
        for _second in range(60):
            await asyncio.sleep(1)
            await self._answer()
            if self.lease and int(version_of(self.lease)) > since:
                since = int(version_of(self.lease))
                yield {"type": "MODIFIED", "object": self.lease}

    async def _answer(self) -> None:
        await asyncio.sleep(0.01)
        if self.is_down:
            raise aiohttp.ClientConnectionError


def version_of(found: dict[str, Any] | None) -> str:
    assert found is not None
    return str(found["metadata"]["resourceVersion"])


class Replica:
    def __init__(self, server: Server, name: str) -> None:
        fence = Fence(TIMING, virtual_time.now)
        election = Election(
            cast(KubernetesClient, server), Place("team", "lease"), TIMING, fence, name
        )
        self.leads = False
        self._elector = Elector(election, self._lead, self._follow)

    async def start(self) -> None:
        await self._elector.look()
        self.running = asyncio.create_task(self._elector.run())

    async def stop(self) -> None:
        self.running.cancel()
        with suppress(asyncio.CancelledError, TurnedBackError):
            await self.running
        await self._elector.give_back()

    def _lead(self) -> None:
        self.leads = True

    async def _follow(self) -> None:
        self.leads = False


async def two_of(server: Server) -> list[Replica]:
    pair = [Replica(server, "a"), Replica(server, "b")]
    for replica in pair:
        await replica.start()
    await asyncio.sleep(60)
    assert sum(replica.leads for replica in pair) == 1
    return pair


@pytest.mark.parametrize("was_there", [True, False], ids=["has a lease", "had no lease yet"])
@pytest.mark.parametrize("outage", [0, 20, HOUR])
def test_replicas_do_not_wait_for_ever_for_a_lease_of_the_past_that_etcd_is_restored_to(
    *, was_there: bool, outage: float
) -> None:
    """They end, and those that begin in their place elect one."""

    async def run() -> None:
        server = Server()
        pair = await two_of(server)
        past = (server.version, deepcopy(server.lease) if was_there else None)
        server.version += OTHERS_WRITES
        await asyncio.sleep(60)
        server.is_down = bool(outage)
        await asyncio.sleep(outage)
        server.version, server.lease = past
        server.is_down = False
        await asyncio.sleep(2 * TIMING.lease)
        for replica in pair:
            assert isinstance(replica.running.exception(), TurnedBackError)
            await replica.stop()
            assert not replica.leads
        anew = await two_of(server)
        for replica in anew:
            await replica.stop()

    virtual_time.run(run())


def test_a_watch_of_an_api_server_that_lags_ends_nobody() -> None:
    async def run() -> None:
        server = Server()
        pair = await two_of(server)
        server.late = deepcopy(server.lease)
        leading = [replica.leads for replica in pair]
        for _ in range(60):
            await asyncio.sleep(60)
            assert [replica.leads for replica in pair] == leading
        for replica in pair:
            assert not replica.running.done()
            await replica.stop()

    virtual_time.run(run())


def test_a_lease_that_somebody_deletes_ends_nobody() -> None:
    async def run() -> None:
        server = Server()
        pair = await two_of(server)
        leading = [replica.leads for replica in pair]
        server.lease = None
        await asyncio.sleep(60)
        assert [replica.leads for replica in pair] == leading
        for replica in pair:
            assert not replica.running.done()
            await replica.stop()

    virtual_time.run(run())
