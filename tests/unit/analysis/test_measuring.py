"""The operator at work: pods are real HTTP servers, time is a number."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import pytest
from aiohttp import web

from cms_operator.api import parse
from cms_operator.api.analysis_status import AnalysisStatus
from cms_operator.api.status import RolloutStatus
from cms_operator.cluster.keys import Key
from cms_operator.cluster.outbound.measures import MeasureReader
from cms_operator.cluster.outbound.pods import PodReader
from cms_operator.cluster.outbound.synthetic import SyntheticLimits, SyntheticSender
from cms_operator.observed.family import Family
from cms_operator.reconcile.analysis.analyses import Analyses, Judgement
from cms_operator.reconcile.analysis.trial import Trial
from cms_operator.resources import labels
from cms_operator.resources.revision import Revision
from cms_operator.rollout.analysis.exposition import Page
from cms_operator.settings import PrometheusSettings
from cms_service.core.telemetry.metrics import Metrics
from tests.support.specs import manifest
from tests.unit.analysis.servers import Loopback, Serve, endless, never, target
from tests.unit.rollout.pictures import NOON, later

Edges = tuple[PodReader, MeasureReader, SyntheticSender]
QUICK = SyntheticLimits(pause_seconds=0, answer_seconds=10, sending_seconds=60)
SHOP = Key("default", "shop")
ASKED: dict[str, Any] = {"path": "/v1/delivery/acme/posts", "perPod": 30}


class Pod:
    """The one pod of a revision, with one port for the admin and for the others."""

    def __init__(self, revision: str) -> None:
        self.metrics = Metrics(revision)
        self.metrics.database_up.labels("primary").set(1)
        self.metrics.redis_up.set(1)
        self.asked = 0
        self.paths: list[str] = []
        self.may_show = asyncio.Event()
        self.may_show.set()

    async def show(self, request: web.Request) -> web.StreamResponse:
        if request.path != "/metrics":
            self.paths.append(request.path)
            self.answer(1)
            return web.Response()
        self.asked += 1
        await self.may_show.wait()
        names = request.query.getall("name[]", [])
        return web.Response(body=self.metrics.render(names))

    def answer(self, requests: int, errors: int = 0) -> None:
        for number in range(requests):
            self.metrics.requests.observe("GET", "/v1", 500 if number < errors else 200, 0.004)


def pod(revision: str) -> Any:
    ready = {"type": "Ready", "status": "True", "lastTransitionTime": "2026-01-01T11:00:00Z"}
    return {
        "metadata": {"name": f"shop-{revision}", "uid": revision,
                     "labels": {labels.REVISION: revision}},
        "status": {"podIP": "127.0.0.1", "conditions": [ready],
                   "containerStatuses": [{"ready": True, "restartCount": 0}]},
    }  # fmt: skip


class World:
    """The status is what was reported last; `restart` is a new operator."""

    def __init__(self, ports: dict[str, int], *edges: *Edges) -> None:
        self._revisions = {
            name: Revision(name, {}, {"PORT": str(port), "ADMIN_PORT": str(port)}, {})
            for name, port in ports.items()
        }
        self._edges = edges
        self.reported: AnalysisStatus | None = None
        self.analysis: dict[str, Any] = {}
        self.restart()

    def restart(self) -> None:
        self.operator = Analyses(*self._edges)

    async def look(self, at: datetime) -> Judgement:
        progress = RolloutStatus(
            revision="b", strategy="RollingUpdate", phase="Progressing",
            started_at=NOON, since=NOON, analysis=self.reported,
        )  # fmt: skip
        family = Family(pods=(pod("a"), pod("b")))
        changes = {"rollout": {"analysis": self.analysis}}
        trial = Trial(parse(manifest(changes)), progress, "a", family, self._revisions)
        return await self.operator.judge(trial, at)

    async def all_is_sent(self) -> None:
        await asyncio.gather(*self.operator.sending, return_exceptions=True)

    async def measure(self, seconds: float) -> AnalysisStatus | None:
        """Look, and report what was found."""
        self.reported = (await self.look(later(seconds))).status
        return self.reported

    async def all_have_answered(self, seconds: float) -> Judgement:
        """Look until pods and providers have answered, or not in time."""
        while (  # noqa: ASYNC110 - nothing tells of it
            found := await self.look(later(seconds))
        ).due == later(seconds + 1):
            await asyncio.sleep(0.01)
        return found


@pytest.fixture
async def edges() -> AsyncIterator[Edges]:
    made = PodReader(), MeasureReader(PrometheusSettings(), Loopback()), SyntheticSender(QUICK)
    yield made
    for edge in made:
        await edge.close()


@pytest.fixture
def old() -> Pod:
    return Pod("a")


@pytest.fixture
def new() -> Pod:
    return Pod("b")


@pytest.fixture
async def world(serve: Serve, old: Pod, new: Pod, edges: Edges) -> World:
    servers = {"a": await serve(old.show), "b": await serve(new.show)}
    return World({name: int(server.port or 0) for name, server in servers.items()}, *edges)


async def test_the_first_look_opens_an_interval_and_the_second_measures_it(
    world: World, old: Pod, new: Pod
) -> None:
    assert (await world.look(NOON)).due == later(10)
    opened = await world.measure(0)
    assert opened is not None
    assert opened.intervals == ()
    old.answer(300)
    new.answer(200, errors=4)
    found = await world.measure(10)
    assert found is not None
    (interval,) = found.intervals
    assert (interval.candidate.requests, interval.candidate.errors) == (200, 4)
    assert interval.stable.requests == 300


async def test_what_stable_did_before_is_known_although_its_pods_may_go_at_once(
    world: World, old: Pod
) -> None:
    old.answer(5000, errors=10)
    found = await world.measure(0)
    assert found is not None
    baseline = found.baseline
    assert (baseline.requests, baseline.errors, baseline.timed) == (1000, 2, 1000)
    world.restart()
    assert await world.measure(5) == found, "and is remembered once"


async def test_between_two_measurements_no_pod_is_asked(world: World, new: Pod) -> None:
    await world.measure(0)
    await world.measure(9)
    assert new.asked == 1


async def test_a_restarted_operator_discards_the_open_interval_and_keeps_the_rest(
    world: World, new: Pod
) -> None:
    await world.measure(0)
    new.answer(100)
    before = await world.measure(10)
    new.answer(100)
    world.restart()
    assert await world.measure(15) == before
    new.answer(50)
    found = await world.measure(25)
    assert found is not None
    assert (found.measurements, found.samples) == (2, 150)


async def test_what_could_not_be_reported_is_told_again(world: World, new: Pod) -> None:
    await world.measure(0)
    new.answer(100)
    told = (await world.look(later(10))).status
    assert told is not None
    assert (await world.look(later(11))).status == told
    new.answer(100)
    following = (await world.look(later(20))).status
    assert following is not None
    assert following.samples == 200


async def test_where_something_stands_out_the_next_look_comes_sooner(
    world: World, old: Pod, new: Pod
) -> None:
    await world.measure(0)
    old.answer(200)
    new.answer(200, errors=20)
    judgement = await world.look(later(10))
    assert judgement.due == later(15)


async def test_two_intervals_of_5_percent_errors_are_enough(
    world: World, old: Pod, new: Pod
) -> None:
    await world.measure(0)
    for seconds in (10, 20):
        old.answer(600)
        new.answer(600, errors=30)
        found = await world.measure(seconds)
    assert found is not None
    assert found.verdict == "Failed"


async def test_pods_without_readers_are_asked_by_the_operator_and_counted_as_ever(
    world: World, old: Pod, new: Pod
) -> None:
    world.analysis = {"synthetic": ASKED}
    await world.measure(0)
    await world.measure(10)
    await world.all_is_sent()
    found = await world.measure(20)
    assert found is not None
    assert (old.paths, new.paths) == ([ASKED["path"]] * 30, [ASKED["path"]] * 30)
    assert found.samples == 30
    await world.all_is_sent()
    assert len(new.paths) == 60, "its own requests are not taken for readers'"


async def test_pods_with_readers_are_left_to_them(world: World, new: Pod) -> None:
    world.analysis = {"synthetic": ASKED}
    await world.measure(0)
    for seconds in (10, 20, 30):
        new.answer(30)
        await world.measure(seconds)
        await world.all_is_sent()
    assert new.paths == []


async def test_nothing_more_is_sent_when_the_release_is_over(world: World, new: Pod) -> None:
    world.analysis = {"synthetic": ASKED}
    await world.measure(0)
    await world.measure(10)
    world.operator.forget(SHOP)
    await world.all_is_sent()
    assert len(new.paths) < 30


class Webhook:
    """Answers when it is told to."""

    def __init__(self) -> None:
        self.asked = 0
        self.may_answer = asyncio.Event()

    async def verdict(self, _: web.Request) -> web.StreamResponse:
        self.asked += 1
        await self.may_answer.wait()
        return web.json_response({"verdict": "pass"})


@pytest.fixture
async def slow(world: World, serve: Serve) -> Webhook:
    webhook = Webhook()
    asked = {"service": "judge", "port": (await serve(webhook.verdict)).port}
    world.analysis = {"measures": [{"name": "orders", "webhook": asked}]}
    return webhook


async def test_a_webhook_that_is_slow_keeps_no_worker_and_its_answer_counts(
    world: World, new: Pod, slow: Webhook
) -> None:
    await world.measure(0)
    before = world.reported
    assert await world.look(later(10)) == Judgement(before, later(11))
    assert await world.look(later(11)) == Judgement(before, later(12))
    new.answer(50)
    slow.may_answer.set()
    found = (await world.all_have_answered(12)).status
    assert found is not None
    assert found.samples == 50, "the pods are read with it, not before"
    assert {each.name: each.verdict for each in found.measures}["orders"] == "Successful"
    assert slow.asked == 1


async def test_a_webhook_that_is_corrected_is_asked_anew(world: World, slow: Webhook) -> None:
    await world.measure(0)
    await world.look(later(10))
    slow.may_answer.set()
    (measure,) = world.analysis["measures"]
    measure["webhook"]["path"] = "/other"
    await world.all_have_answered(11)
    assert slow.asked == 2


async def test_nobody_waits_for_an_answer_when_the_release_is_over(
    world: World, slow: Webhook
) -> None:
    await world.measure(0)
    await world.look(later(10))
    world.operator.forget(SHOP)
    slow.may_answer.set()
    await world.measure(20)
    await world.measure(30)
    assert slow.asked == 2


async def test_a_pod_that_is_slow_keeps_no_worker_and_its_answer_counts(
    world: World, new: Pod
) -> None:
    await world.measure(0)
    before = world.reported
    new.answer(50)
    new.may_show.clear()
    assert await world.look(later(10)) == Judgement(before, later(11))
    assert await world.look(later(11)) == Judgement(before, later(12))
    new.may_show.set()
    found = await world.all_have_answered(12)
    assert found.status is not None
    assert found.status.samples == 50
    assert found.due == later(20), "an interval begins when its pods were asked"
    assert new.asked == 2


async def test_pods_that_are_slow_at_the_first_look_keep_no_worker(world: World, new: Pod) -> None:
    new.may_show.clear()
    assert await world.look(NOON) == Judgement(None, later(1))
    new.may_show.set()
    assert (await world.all_have_answered(1)).due == later(10)
    assert new.asked == 1


async def test_a_pod_that_says_nothing_is_an_error_and_no_failure(
    edges: Edges, serve: Serve
) -> None:
    server = await serve(never)
    deaf = World({"b": int(server.port or 0)}, *edges)
    deaf.reported = (await deaf.all_have_answered(0)).status
    found = (await deaf.all_have_answered(10)).status
    assert found is not None
    assert (found.verdict, found.consecutive_errors, found.measurements) == ("NoData", 1, 0)


async def test_an_answer_without_an_end_is_cut(serve: Serve, edges: Edges) -> None:
    server = await serve(endless)
    found = await edges[0].metrics(target(server))
    assert not isinstance(found, Page)
    assert "longer than" in found


async def test_another_page_is_no_measurement(serve: Serve, edges: Edges) -> None:
    async def hello(_: web.Request) -> web.StreamResponse:
        return web.Response(text="hello")

    server = await serve(hello)
    found = await edges[0].metrics(target(server))
    assert "no series of the CMS" in str(found)
