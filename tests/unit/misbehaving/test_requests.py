"""Images that answer wrongly or late, as a reader and as the metrics see it."""

import re

import pytest

from cms_service.app import Cms
from cms_service.core.http.asgi import App, Receive, Scope, Send, send_response
from demo.misbehaving.faults import requests
from demo.misbehaving.faults.catalogue import FAULTS
from demo.misbehaving.faults.names import Fault
from demo.misbehaving.faults.requests import ONE_IN, SLOW_SECONDS, Failing, Slow
from tests.unit.misbehaving.asgi import ask
from tests.unit.misbehaving.running import Run

REQUESTS = 5 * ONE_IN
NO_PAGE = "/v1/nothing/here"


async def statuses(app: App, path: str) -> list[int]:
    return [(await ask(app, path)).status for _ in range(REQUESTS)]


async def counted(cms: Cms) -> dict[tuple[str, str], float]:
    """Requests by route and status, as Prometheus reads them."""
    text = (await ask(cms.admin, "/metrics")).body.decode()
    pattern = r'^hcms_http_requests_total{method="GET",route="(.*)",status="(\d+)"} (.*)$'
    found = re.findall(pattern, text, re.MULTILINE)
    return {(route, status): float(count) for route, status, count in found}


async def test_one_request_in_twenty_fails_and_is_counted_so_by_its_route(run: Run) -> None:
    async with run(FAULTS[Fault.ERRORS]()) as cms:
        found = await statuses(cms.public, "/health")
        assert found == ([200] * (ONE_IN - 1) + [500]) * 5
        assert await counted(cms) == {("/health", "200"): 95, ("/health", "500"): 5}


async def test_a_request_that_was_wrong_anyway_fails_as_well(run: Run) -> None:
    async with run(FAULTS[Fault.ERRORS]()) as cms:
        assert (await statuses(cms.public, "/v1/delivery/x")).count(500) == REQUESTS / ONE_IN


async def test_a_failed_answer_names_its_revision(run: Run) -> None:
    async with run(FAULTS[Fault.ERRORS]()) as cms:
        answers = [await ask(cms.public, NO_PAGE) for _ in range(ONE_IN)]
        assert answers[-1].status == 500
        assert answers[-1].headers[b"x-hcms-revision"] == b"candidate"
        assert answers[-1].headers[b"content-type"] == b"application/problem+json"


async def test_what_a_failed_request_asked_for_is_done() -> None:
    done = []

    async def work(_scope: Scope, _receive: Receive, send: Send) -> None:
        done.append(1)
        await send_response(send, 201, [], b"")

    async def answered(app: App) -> int:
        return (await ask(app, "/")).status

    app = Failing(work)
    for _ in range(ONE_IN - 1):
        assert await answered(app) == 201
    with pytest.raises(Exception, match="on purpose"):
        await answered(app)
    assert len(done) == ONE_IN


async def test_one_request_in_twenty_is_slow_and_nothing_fails() -> None:
    events: list[float] = []

    async def sleep(seconds: float) -> None:
        events.append(seconds)

    async def answer(_scope: Scope, _receive: Receive, send: Send) -> None:
        events.append(0)
        await send_response(send, 200, [], b"")

    assert await statuses(Slow(answer, sleep), "/") == [200] * REQUESTS
    assert events == ([0.0] * (ONE_IN - 1) + [SLOW_SECONDS, 0]) * (REQUESTS // ONE_IN)


async def test_the_metrics_count_the_delay_in(run: Run) -> None:
    seen: list[float | None] = []

    async def sleep(_seconds: float) -> None:
        seen.append(cms.metrics.registry.get_sample_value("hcms_http_requests_in_progress"))

    async with run(requests.handled_by(lambda app: Slow(app, sleep))) as cms:
        assert await statuses(cms.public, NO_PAGE) == [404] * REQUESTS
    assert seen == [1.0] * (REQUESTS // ONE_IN)


async def test_the_good_image_is_the_cms_as_it_is(run: Run) -> None:
    async with run(FAULTS[Fault.GOOD]()) as cms:
        assert set(await statuses(cms.public, "/health")) == {200}
        assert await counted(cms) == {("/health", "200"): REQUESTS}
