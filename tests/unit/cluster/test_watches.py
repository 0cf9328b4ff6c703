"""The operator of several namespaces, some of which it may not read; in virtual time."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, cast

import pytest

from cms_operator.cluster.cache.store import Store
from cms_operator.cluster.keys import Key
from cms_operator.cluster.kinds import CHILDREN, HEADLESS_CMS
from cms_operator.cluster.outbound.measures import MeasureReader
from cms_operator.cluster.outbound.pods import PodReader
from cms_operator.cluster.outbound.synthetic import SyntheticSender
from cms_operator.cluster.transport.api_error import ApiError
from cms_operator.cluster.transport.client import KubernetesClient
from cms_operator.cluster.watching.pause import LONGEST_REFUSED_SECONDS
from cms_operator.cluster.watching.watches import Watches
from cms_operator.observability.metrics import REGISTRY
from cms_operator.settings import Settings
from cms_operator.term import Term, Tools
from tests.support import virtual_time
from tests.unit.observability.scraping import value

SPACES = ("gone", "team-a")
HOUR = 3600.0
# What is refused at this second, by its path.
Refuse = Callable[[str, float], int | None]


def parent(namespace: str) -> dict[str, Any]:
    """Its spec is none, so whoever works on it writes that into the status, and nothing else."""
    metadata = {"name": "shop", "namespace": namespace, "uid": namespace, "resourceVersion": "5"}
    return {"metadata": metadata, "spec": {}}


class Server:
    """Each namespace has one HeadlessCMS and nothing else."""

    def __init__(self, refuse: Refuse) -> None:
        self._refuse = refuse
        self.reported: set[str] = set()
        self.refused = 0

    async def request(self, method: str, path: str, **_: Any) -> Any:
        self._look(path)
        namespace = path.split("/namespaces/")[1].partition("/")[0]
        if method == "PATCH":
            self.reported.add(namespace)
        elif method == "GET":
            items = [parent(namespace)] if path.endswith(HEADLESS_CMS.plural) else []
            return {"metadata": {"resourceVersion": "9"}, "items": items}
        return parent(namespace)

    async def watch(self, path: str, _: Mapping[str, str]) -> AsyncIterator[dict[str, Any]]:
        self._look(path)
        await asyncio.Event().wait()
        yield {}

    def _look(self, path: str) -> None:
        if status := self._refuse(path, virtual_time.now()):
            self.refused += 1
            raise ApiError(status, "Somehow", f"on purpose: {path}")


class Operator:
    """What an operator does when it starts: it lists, then it watches and works."""

    def __init__(self, refuse: Refuse) -> None:
        self.server, self.store = Server(refuse), Store()
        client = cast(KubernetesClient, self.server)
        self.watches = Watches(client, self.store, SPACES, lambda *_: None, self._queue)
        self._tools = Tools(
            Settings(namespaces=SPACES),
            client,
            self.store,
            cast(PodReader, None),
            cast(MeasureReader, None),
            cast(SyntheticSender, None),
            lambda _: None,
            self.watches.covers,
        )
        self._term: Term | None = None

    def _queue(self, key: Key) -> None:
        if self._term:
            self._term.queue.add(key)

    async def start(self) -> None:
        await self.watches.list()
        self._term = Term(self._tools)
        await self._term.begun()

    @contextmanager
    def watching(self) -> Iterator[None]:
        running = [asyncio.create_task(run) for run in self.watches.runs()]
        yield
        assert not any(task.done() for task in running)
        for task in running:
            task.cancel()

    async def stop(self) -> None:
        assert self._term is not None
        assert self._term.alive()
        await self._term.end()


def broken_off() -> float:
    name = "hcms_operator_watch_errors_total"
    return sum(value(REGISTRY, name, resource=kind.plural) for kind in CHILDREN)


def known(operator: Operator) -> set[str]:
    return {space for space in SPACES if operator.watches.covers(space)}


def test_a_namespace_that_is_gone_keeps_no_other_one_back_and_is_worked_on_when_it_is_back() -> (
    None
):
    async def run() -> None:
        operator = Operator(lambda path, now: 403 if "/gone/" in path and now < HOUR else None)
        await operator.start()
        assert virtual_time.now() < 1
        with operator.watching():
            await asyncio.sleep(HOUR / 2)
            assert operator.server.reported == known(operator) == {"team-a"}
            # kopf has heard of the object meanwhile.
            operator.store.put(HEADLESS_CMS, parent("gone"))
            await asyncio.sleep(HOUR / 2 + LONGEST_REFUSED_SECONDS)
            assert operator.server.reported == known(operator) == set(SPACES)
        await operator.stop()

    virtual_time.run(run())


def test_a_namespace_that_is_gone_for_long_is_told_once_and_neither_an_alert_nor_a_storm(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def run() -> None:
        operator = Operator(lambda path, _: 403 if "/gone/" in path else None)
        await operator.start()
        before = broken_off()
        with operator.watching():
            await asyncio.sleep(24 * HOUR)
        await operator.stop()
        assert broken_off() - before == len(CHILDREN)
        most = (len(CHILDREN) + 1) * (24 * HOUR / LONGEST_REFUSED_SECONDS + 30)
        assert operator.server.refused < most

    caplog.set_level("INFO")
    virtual_time.run(run())
    lines = [line for line in caplog.messages if "gone" in line]
    assert len(lines) <= len(CHILDREN) + 2


def test_where_one_kind_may_not_be_listed_nothing_is_done() -> None:
    async def run() -> None:
        operator = Operator(
            lambda path, now: 403 if path.endswith("/gone/services") and now < HOUR else None
        )
        await operator.start()
        with operator.watching():
            await asyncio.sleep(HOUR - 1)
            assert operator.store.parents("gone"), "it is known"
            assert operator.server.reported == {"team-a"}
            await asyncio.sleep(LONGEST_REFUSED_SECONDS)
            assert operator.server.reported == set(SPACES)
        await operator.stop()

    virtual_time.run(run())


def test_where_nothing_may_be_listed_or_the_server_is_unwell_it_waits() -> None:
    async def run() -> None:
        for refuse in (
            lambda _, now: 403 if now < HOUR else None,
            lambda _, now: 404 if now < 2 * HOUR else None,
            lambda path, now: 500 if "/gone/" in path and now < 3 * HOUR else None,
        ):
            operator = Operator(refuse)
            starting = asyncio.create_task(operator.start())
            await asyncio.sleep(HOUR - 60 - virtual_time.now() % HOUR)
            assert not starting.done()
            assert operator.server.reported == set()
            await asyncio.sleep(120)
            assert starting.done()
            assert known(operator) == set(SPACES)
            await operator.stop()

    virtual_time.run(run())
