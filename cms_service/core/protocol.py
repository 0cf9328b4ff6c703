"""Uvicorn's HTTP protocol, with bounds on how long a head may be and how slowly a request may come:
it has none. It also takes requests that another program would send to another host. An answer goes
out in one piece.
"""

import logging
from asyncio import TimerHandle, Transport

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from cms_service.core.errors import PROBLEM_MEDIA_TYPE, BadRequest, problem_body
from cms_service.core.gathered import GatheredTransport
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
        super().connection_made(GatheredTransport(transport, self.loop))
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
        self._reading_head = False
        if not self._names_one_host():
            raise ValueError  # which the parser makes its own refusal
        super().on_headers_complete()

    def _names_one_host(self) -> bool:
        """RFC 9112, 3.2. A target with a host of its own belongs to proxies."""
        hosts = [name for name, _ in self.headers].count(b"host")
        needed = 0 if self.parser.get_http_version() == "1.0" else 1
        return needed <= hosts <= 1 and self.url.startswith((b"/", b"*"))

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
