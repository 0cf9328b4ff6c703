"""The port on which the kubelet and Prometheus ask."""

import asyncio
import contextlib
from collections.abc import Callable, Collection, Sequence

from aiohttp import web
from aiohttp.typedefs import Middleware
from prometheus_client import generate_latest

from cms_operator.observability import metrics
from cms_operator.observability.fleet import Fleet

TEXT = "text/plain; version=0.0.4; charset=utf-8"


async def serve(
    port: int,
    is_alive: Callable[[], bool],
    is_ready: Callable[[], bool],
    fleet: Callable[[], Fleet],
    middlewares: Sequence[Middleware] = (),
) -> web.AppRunner:
    """Serve /healthz, /readyz and /metrics on all addresses of the pod, of IPv4 and of IPv6."""

    async def healthz(_: web.Request) -> web.Response:
        return _verdict(is_alive())

    async def readyz(_: web.Request) -> web.Response:
        return _verdict(is_ready())

    async def show(request: web.Request) -> web.StreamResponse:
        names = request.query.getall("name[]", [])
        response = web.StreamResponse(headers={"Content-Type": TEXT})
        with contextlib.suppress(ConnectionError):  # who hangs up wants no more
            await response.prepare(request)
            await response.write(_own(names))
            for piece in fleet().text(names):
                if piece:  # an empty one would end the answer
                    await response.write(piece)
                await asyncio.sleep(0)  # reconciles go on meanwhile
        return response

    app = web.Application(client_max_size=1024, middlewares=middlewares)
    app.router.add_get("/healthz", healthz)
    app.router.add_get("/readyz", readyz)
    app.router.add_get("/metrics", show)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, None, port).start()
    return runner


def _own(names: Collection[str]) -> bytes:
    registry = metrics.REGISTRY
    return generate_latest(registry.restricted_registry(names) if names else registry)


def _verdict(good: bool) -> web.Response:  # noqa: FBT001  - it is the whole argument
    return web.Response(text="ok") if good else web.Response(status=503, text="no")
