"""What servers of the tests do, and how their names lead to them."""

import asyncio
import socket
from collections.abc import Awaitable, Callable

from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.test_utils import TestServer

from cms_operator.cluster.outbound.pods import Target

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Serve = Callable[[Handler], Awaitable[TestServer]]


class Loopback(AbstractResolver):
    """Stands for the cluster's DNS: every Service is a server of the test."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        self.asked.append(host)
        return [address("127.0.0.1", host, port, family)]

    async def close(self) -> None:
        pass


def address(ip: str, host: str = "x", port: int = 0, family: int = socket.AF_INET) -> ResolveResult:
    return ResolveResult(hostname=host, host=ip, port=port, family=family, proto=0, flags=0)


def target(server: TestServer, namespace: str = "team-a") -> Target:
    return Target(namespace, "127.0.0.1", int(server.port or 0))


def hanging(most: int) -> tuple[Handler, asyncio.Event]:
    """Answers nobody. The event is set once so many wait."""
    waiting, full = 0, asyncio.Event()

    async def hang(request: web.Request) -> web.StreamResponse:
        nonlocal waiting
        waiting += 1
        if waiting == most:
            full.set()
        return await never(request)

    return hang, full


async def never(_: web.Request) -> web.StreamResponse:
    await asyncio.Event().wait()
    raise AssertionError


async def endless(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    while True:
        await response.write(b" " * 64 * 1024)
