"""What servers of the tests do, and how their names lead to them."""

import asyncio
import socket
from collections.abc import Awaitable, Callable

from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.test_utils import TestServer

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


async def never(_: web.Request) -> web.StreamResponse:
    await asyncio.Event().wait()
    raise AssertionError


async def endless(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    while True:
        await response.write(b" " * 64 * 1024)
