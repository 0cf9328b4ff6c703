"""One process: two listeners in one event loop, and an end that loses no request."""

import asyncio
import contextlib
import gc
import logging
import resource
import signal
import socket
from collections.abc import Iterator

import uvicorn
import uvloop

from cms_service.app import Cms, build
from cms_service.core.credentials.watch import Watch, watch_files
from cms_service.core.http.asgi import App
from cms_service.core.http.protocol import BoundedProtocol
from cms_service.core.postgres.database import Database
from cms_service.core.settings.serve import ServeSettings
from cms_service.core.telemetry import logging as json_logging
from cms_service.startup import check_until_ready

logger = logging.getLogger(__name__)

# Above the 60 s of common proxies: they close first, so no request meets a closed connection.
_KEEP_ALIVE_SECONDS = 75
FINISH_SECONDS = 20
CLOSE_SECONDS = 3.0
_BACKLOG = 2048
_OPEN_FILES = 65_536
_LAST_REQUESTS_SECONDS = 0.5
# Between two rounds of the garbage collector: requests under way are no garbage.
_NEW_OBJECTS = 10_000
# Between two looks at the database's credentials.
_RENEW_SECONDS = 1.0


class Listener(uvicorn.Server):
    """Signals are handled here for both listeners together."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Uvicorn closes a connection whose first request it has not read yet; a proxy that has
        just opened one has sent it already.
        """
        for server in self.servers:
            server.close()
        await asyncio.sleep(_LAST_REQUESTS_SECONDS)
        await super().shutdown(sockets)


def run(settings: ServeSettings) -> None:
    """Raises SettingsError."""
    context = {
        "name": settings.hcms_name,
        "namespace": settings.hcms_namespace,
        "revision": settings.hcms_revision,
    }
    json_logging.configure(settings.log_level, context)
    cms = build(settings)
    _keep_what_is_there()
    uvloop.run(_serve(cms, settings, _raise_open_files()))


def _raise_open_files() -> int:
    """How many may be open: the soft limit, which is 1,024 in many containers, is raised as far as
    the hard one lets it.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _OPEN_FILES if hard == resource.RLIM_INFINITY else min(_OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return wanted


def _keep_what_is_there() -> None:
    """Keeps the garbage collector from what the start has made: going through it takes a tenth of a
    second, in which no request is answered.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_NEW_OBJECTS, *gc.get_threshold()[1:])


async def _serve(cms: Cms, settings: ServeSettings, open_files: int) -> None:
    await cms.open()
    protocol = _protocol(open_files)
    public = _listener(cms.public, protocol, settings.host, settings.port)
    admin = _listener(cms.admin, protocol, settings.host, settings.admin_port)
    connections = public.server_state.connections
    cms.metrics.connections.set_function(lambda: len(connections))
    stop = _stop_signals()
    background = [
        asyncio.create_task(check_until_ready(cms.database, cms.lifecycle)),
        asyncio.create_task(cms.health.look_forever()),
        asyncio.create_task(cms.background.run_forever()),
        asyncio.create_task(watch_files(_watches(cms, settings))),
        *(asyncio.create_task(_renew_forever(database)) for database in cms.databases),
    ]
    try:
        await _until_stopped(public, admin, cms, stop, settings.drain_seconds)
    finally:
        for task in background:
            task.cancel()
        await asyncio.gather(*background, return_exceptions=True)
        await cms.close(CLOSE_SECONDS)


async def _until_stopped(
    public: Listener, admin: Listener, cms: Cms, stop: "asyncio.Queue[int]", drain_seconds: float
) -> None:
    servers = [asyncio.create_task(public.serve()), asyncio.create_task(admin.serve())]
    signalled = asyncio.create_task(stop.get())
    await asyncio.wait([*servers, signalled], return_when=asyncio.FIRST_COMPLETED)
    if signalled.done():
        cms.lifecycle.draining = True
        logger.info("draining", extra={"seconds": drain_seconds})
        # A second signal ends the drain.
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.get(), drain_seconds)
    signalled.cancel()
    public.should_exit = True
    await servers[0]
    admin.should_exit = True
    await servers[1]
    logger.info("stopped")


def _stop_signals() -> "asyncio.Queue[int]":
    received: asyncio.Queue[int] = asyncio.Queue()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, received.put_nowait, number)
    return received


def _protocol(open_files: int) -> type[BoundedProtocol]:
    """Its listeners leave each other, the databases and Redis the files that they need."""

    class Protocol(BoundedProtocol):
        most_connections = min(BoundedProtocol.most_connections, open_files // 2)

    return Protocol


def _listener(app: App, protocol: type[BoundedProtocol], host: str, port: int) -> Listener:
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        http=protocol,
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        backlog=_BACKLOG,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=FINISH_SECONDS,
    )
    return Listener(config)


async def _renew_forever(database: Database) -> None:
    while True:
        try:
            await database.renew_credentials()
        except Exception:
            logger.exception("could not renew the credentials of the database")
        await asyncio.sleep(_RENEW_SECONDS)


def _watches(cms: Cms, settings: ServeSettings) -> list[Watch]:
    if (keys_file := settings.jwt_keys_file) is None:
        return []
    return [Watch((keys_file,), lambda: cms.keys.reload(keys_file))]
