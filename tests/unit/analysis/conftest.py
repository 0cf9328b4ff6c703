"""Providers and pods as real HTTP servers on loopback."""

import contextlib
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.unit.analysis.servers import Handler, Serve


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Starts servers that answer every path with one handler."""
    async with contextlib.AsyncExitStack() as stack:

        async def start(handler: Handler) -> TestServer:
            application = web.Application()
            application.router.add_route("*", "/{path:.*}", handler)
            server = TestServer(application, host="127.0.0.1")
            await stack.enter_async_context(server)
            return server

        yield start
