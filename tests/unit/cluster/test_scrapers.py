"""Who may read the operator's metrics, where the API server is to say it."""

import asyncio
from collections.abc import AsyncIterator
from http import HTTPStatus

import aiohttp
import pytest

from cms_operator.cluster import scrapers
from cms_operator.cluster.scrapers import Gate
from cms_operator.cluster.transport.api_error import ApiError
from cms_operator.observability import server
from cms_operator.observability.fleet import Fleet

VERDICTS = {"good": HTTPStatus.OK, "known": HTTPStatus.FORBIDDEN}


class ApiServer:
    """Stands for both reviews; `away` while it gives no answer."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.away = False
        self.free = asyncio.Event()
        self.free.set()
        self.quick: set[str] = set()

    async def review(self, token: str) -> HTTPStatus:
        self.asked.append(token)
        if token not in self.quick:
            await self.free.wait()
        if self.away:
            raise ApiError(503, "ServiceUnavailable", "away")
        return VERDICTS.get(token, HTTPStatus.UNAUTHORIZED)


@pytest.fixture
def api() -> ApiServer:
    return ApiServer()


@pytest.fixture
def clock() -> list[float]:
    return [0.0]


@pytest.fixture
def gate(api: ApiServer, clock: list[float]) -> Gate:
    return Gate(api.review, lambda: clock[0])


@pytest.fixture
async def address(gate: Gate, unused_tcp_port: int) -> AsyncIterator[str]:
    guards = [scrapers.middleware(gate)]
    runner = await server.serve(
        unused_tcp_port, lambda: True, lambda: True, lambda: Fleet([]), guards
    )
    yield f"http://127.0.0.1:{unused_tcp_port}"
    await runner.cleanup()


@pytest.mark.parametrize(
    ("header", "status"),
    [
        ("Bearer good", 200),
        ("Bearer known", 403),
        ("Bearer stranger", 401),
        ("", 401),
        ("good", 401),
        ("Basic good", 401),
        ("Bearer ", 401),
        ("Bearer " + "x" * 7000, 401),
    ],
)
async def test_metrics_are_for_whom_the_api_server_allows(
    address: str, header: str, status: int
) -> None:
    headers = {"Authorization": header} if header else {}
    async with aiohttp.ClientSession() as session:
        answer = await session.get(f"{address}/metrics", headers=headers)
        text = await answer.text()
    assert answer.status == status
    assert ("hcms_operator_" in text) is (status == 200)
    assert ("WWW-Authenticate" in answer.headers) is (status == 401)
    assert "good" not in text


async def test_probes_need_no_token(address: str, api: ApiServer) -> None:
    async with aiohttp.ClientSession() as session:
        for path in ("/healthz", "/readyz"):
            assert (await session.get(f"{address}{path}")).status == 200
    assert api.asked == []


@pytest.mark.parametrize(
    "path", ["//metrics", "/metrics/", "/%6detrics", "/x/../metrics", "/METRICS"]
)
async def test_no_other_spelling_goes_around_the_gate(address: str, path: str) -> None:
    reader, writer = await asyncio.open_connection(*address.removeprefix("http://").split(":"))
    writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    answer = (await reader.read()).decode()
    writer.close()
    assert "hcms_operator_" not in answer
    assert answer.split()[1] in {"401", "404"}


async def test_a_verdict_is_remembered_for_a_while(
    gate: Gate, api: ApiServer, clock: list[float]
) -> None:
    for token, seconds in (
        ("good", scrapers.ALLOWED_SECONDS),
        ("stranger", scrapers.REFUSED_SECONDS),
    ):
        api.asked.clear()
        first = await gate.verdict(f"Bearer {token}")
        clock[0] += seconds - 1
        assert await gate.verdict(f"Bearer {token}") is first
        assert api.asked == [token]
        clock[0] += 1
        await gate.verdict(f"Bearer {token}")
        assert api.asked == [token, token]


async def test_who_cannot_be_asked_lets_nobody_in_and_is_asked_again(
    gate: Gate, api: ApiServer
) -> None:
    api.away = True
    assert await gate.verdict("Bearer good") is HTTPStatus.SERVICE_UNAVAILABLE
    api.away = False
    assert await gate.verdict("Bearer good") is HTTPStatus.OK


async def test_strangers_cannot_keep_the_api_server_busy(gate: Gate, api: ApiServer) -> None:
    api.free.clear()
    crowd = [asyncio.create_task(gate.verdict(f"Bearer {number}")) for number in range(50)]
    refused = [task for task in crowd if await is_done(task)]
    assert len(crowd) - len(refused) == scrapers.MOST_WAITING
    assert all(task.result() is HTTPStatus.SERVICE_UNAVAILABLE for task in refused)
    assert len(api.asked) == scrapers.AT_ONCE
    api.free.set()
    await asyncio.gather(*crowd)
    for number in range(1000, 1000 + scrapers.MOST_REMEMBERED * 2):
        await gate.verdict(f"Bearer {number}")
    assert len(gate._refused) == scrapers.MOST_REMEMBERED  # noqa: SLF001 - nobody else can see it


async def test_no_number_of_strangers_keeps_prometheus_from_what_it_was_let_into(
    gate: Gate, api: ApiServer, clock: list[float]
) -> None:
    api.quick = {"good"}
    assert await gate.verdict("Bearer good") is HTTPStatus.OK
    for number in range(scrapers.MOST_REMEMBERED * 2):
        await gate.verdict(f"Bearer {number}")
    await gate.verdict("Bearer good")
    assert api.asked.count("good") == 1, "its verdict was not pushed out"
    api.free.clear()
    crowd = [asyncio.create_task(gate.verdict(f"Bearer late {number}")) for number in range(50)]
    for _ in range(3):
        await asyncio.sleep(0)
        clock[0] += scrapers.ALLOWED_SECONDS + 1
        assert await gate.verdict("Bearer good") is HTTPStatus.OK, "it has places of its own"
    assert api.asked.count("good") == 4
    api.free.set()
    await asyncio.gather(*crowd)


async def test_who_was_let_in_and_is_refused_later_is_a_stranger_again(
    gate: Gate, api: ApiServer, clock: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await gate.verdict("Bearer good") is HTTPStatus.OK
    monkeypatch.setitem(VERDICTS, "good", HTTPStatus.FORBIDDEN)
    clock[0] += scrapers.ALLOWED_SECONDS + 1
    for _ in range(2):
        assert await gate.verdict("Bearer good") is HTTPStatus.FORBIDDEN
    assert api.asked == ["good", "good"]
    assert gate._allowed == {}  # noqa: SLF001 - nobody else can see it


async def is_done(task: "asyncio.Task[HTTPStatus]") -> bool:
    """Once all that can run has run."""
    for _ in range(3):
        await asyncio.sleep(0)
    return task.done()
