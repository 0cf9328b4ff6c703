"""Uvicorn's HTTP protocol, with bounds on how long a head may be and how slowly a request may come:
it has none. It also takes requests that another program would send to another host.
"""

import logging
from asyncio import Event, TimerHandle, Transport
from urllib.parse import unquote

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from cms_service.core.cycle import Cycle
from cms_service.core.errors import PROBLEM_MEDIA_TYPE, BadRequest, problem_body
from cms_service.core.http import sane_or_new_id

logger = logging.getLogger(__name__)

MAX_HEAD_BYTES = 64 * 1024


class BoundedProtocol(HttpToolsProtocol):
    # From a connection's or a request's first byte to the request's last. Longer than an endpoint
    # waits for its body: it has the better answer.
    arrival_seconds = 45.0

    _reading_head = True
    _head_bytes = 0
    _arrived = False
    _arrival_timer: TimerHandle | None = None

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._await_arrival()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._reading_head:
            self._head_bytes += len(data)
        super().data_received(data)
        if self.transport.is_closing():
            return
        if self._reading_head and self._head_bytes > MAX_HEAD_BYTES:
            self.send_400_response("The request's line and headers are too long.")
        elif not self._arrived and self._arrival_timer is None:
            self._await_arrival()

    def on_message_begin(self) -> None:
        self._arrived = False
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """As uvicorn's, which knows upgrades and limits besides, for cycles of our own."""
        self._reading_head = False
        version = self.parser.get_http_version()
        if not self._names_one_host(version):
            raise ValueError  # which the parser makes its own refusal
        self._complete_scope(version)
        earlier, self.cycle = self.cycle, self._new_cycle(version)
        if earlier is None or earlier.response_complete:
            self._start_asgi_task(self.cycle, self.app)
        else:
            self.flow.pause_reading()
            self.pipeline.appendleft((self.cycle, self.app))

    def _names_one_host(self, version: str) -> bool:
        """RFC 9112, 3.2. A target with a host of its own belongs to proxies."""
        hosts = [name for name, _ in self.headers].count(b"host")
        needed = 0 if version == "1.0" else 1
        return needed <= hosts <= 1 and self.url.startswith((b"/", b"*"))

    def _complete_scope(self, version: str) -> None:
        url = httptools.parse_url(self.url)
        path = url.path.decode("ascii")
        self.scope["http_version"] = version
        self.scope["method"] = self.parser.get_method().decode("ascii")
        self.scope["path"] = unquote(path) if "%" in path else path
        self.scope["raw_path"] = url.path
        self.scope["query_string"] = url.query or b""

    def _new_cycle(self, version: str) -> Cycle:
        return Cycle(
            scope=self.scope,
            transport=self.transport,
            flow=self.flow,
            logger=self.logger,
            access_logger=self.access_logger,
            access_log=self.access_log,
            default_headers=self.server_state.default_headers,
            message_event=Event(),
            expect_100_continue=self.expect_100_continue,
            keep_alive=version != "1.0" and self.parser.should_keep_alive(),
            on_response=self.on_response_complete,
        )

    def on_message_complete(self) -> None:
        self._reading_head = True
        self._head_bytes = 0
        self._arrived = True
        self._stop_waiting()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        self._arrived = False
        super().on_response_complete()

    def send_400_response(self, msg: str) -> None:
        identifier = sane_or_new_id(())
        logger.info(
            "request refused", extra={"requestId": identifier, "status": 400, "reason": msg}
        )
        body = problem_body(BadRequest(msg), identifier)
        head = (
            "HTTP/1.1 400 Bad Request\r\n"
            f"content-type: {PROBLEM_MEDIA_TYPE}\r\n"
            f"content-length: {len(body)}\r\n"
            f"x-request-id: {identifier}\r\n"
            "connection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()

    def _await_arrival(self) -> None:
        self._arrival_timer = self.loop.call_later(self.arrival_seconds, self._give_up)

    def _stop_waiting(self) -> None:
        if self._arrival_timer is not None:
            self._arrival_timer.cancel()
            self._arrival_timer = None

    def _give_up(self) -> None:
        is_answering = self.cycle is not None and not self.cycle.response_complete
        if is_answering:
            self._await_arrival()
        else:
            self.transport.close()
