"""Uvicorn's HTTP protocol, with bounds on how long a head may be, how slowly a request may come,
how many may wait and how slowly an answer may be taken: it has none. It also takes requests that
another program would send to another host, and trailers for headers. An answer goes out in one
piece.
"""

import logging
from asyncio import TimerHandle, Transport
from typing import NoReturn

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from cms_service.core.errors import PROBLEM_MEDIA_TYPE, BadRequest, problem_body
from cms_service.core.http.gathered import GatheredTransport
from cms_service.core.http.request_ids import sane_or_new_id
from cms_service.core.http.unread import Room, UnreadWatch

logger = logging.getLogger(__name__)

MAX_HEAD_BYTES = 64 * 1024
# Requests behind one that is being answered.
MAX_WAITING = 32
# Beyond what the kernel holds of it, which takes most answers whole.
MAX_UNREAD_BYTES = 128 * 1024 * 1024


class _Dropped(list[tuple[bytes, bytes]]):
    """Trailers: nothing that is decided by a head may come after it (RFC 9110, 6.5.1)."""

    def append(self, _: object) -> None:
        pass


_DROPPED = _Dropped()


class BoundedProtocol(HttpToolsProtocol):
    # From a connection's or a request's first byte to the request's last. Longer than an endpoint
    # waits for its body: it has the better answer.
    arrival_seconds = 45.0
    # Between two looks at whether an answer is being taken.
    unread_seconds = 30.0
    unread_room = Room(MAX_UNREAD_BYTES)  # of all connections together
    # Of one listener; who comes beyond is sent away at once.
    most_connections = 10_000

    _head_bytes = 0  # of trailers and the lines between chunks too: since the last of a body
    _arrived = False
    _arrival_timer: TimerHandle | None = None
    _refusal: str | None = None
    _unread: UnreadWatch

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        self._unread = UnreadWatch(transport, self.loop, self.unread_seconds, self.unread_room)
        super().connection_made(GatheredTransport(transport, self.loop, self._unread.begin))
        self._await_arrival()
        if len(self.connections) > self.most_connections:
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)
        self._unread.end()

    def eof_received(self) -> None:
        self.transport.close()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._unread.begin()

    def resume_writing(self) -> None:
        super().resume_writing()
        if not self.transport.is_closing():
            self._unread.end()

    def data_received(self, data: bytes) -> None:
        self._head_bytes += len(data)
        super().data_received(data)
        if self.transport.is_closing():
            return
        if self._head_bytes > MAX_HEAD_BYTES:
            self.send_400_response("The request's line and headers are too long.")
        elif not (self._arrived or self._is_timed):
            self._await_arrival()

    @property
    def _is_timed(self) -> bool:
        return self._arrival_timer is not None or self.timeout_keep_alive_task is not None

    def on_message_begin(self) -> None:
        self._arrived = False
        self._unset_keepalive_if_required()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        if not self._names_one_host():
            self._refuse("The request has to name one host, in its Host header alone.")
        if len(self.pipeline) >= MAX_WAITING:
            self._refuse(f"More than {MAX_WAITING} requests wait for the one before them.")
        super().on_headers_complete()
        self.headers = _DROPPED

    def _refuse(self, reason: str) -> NoReturn:
        self._refusal = reason
        raise ValueError(reason)  # which the parser makes an error of its own

    def _names_one_host(self) -> bool:
        """RFC 9112, 3.2. A target with a host of its own belongs to proxies."""
        hosts = [name for name, _ in self.headers].count(b"host")
        needed = 0 if self.parser.get_http_version() == "1.0" else 1
        return needed <= hosts <= 1 and self.url.startswith((b"/", b"*"))

    def on_body(self, body: bytes) -> None:
        self._head_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._head_bytes = 0
        self._arrived = not self.cycle.response_complete
        self._stop_waiting()
        if self.cycle.response_complete:
            self._keep_alive()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        self._arrived = False
        super().on_response_complete()

    def send_400_response(self, msg: str) -> None:
        msg = self._refusal or msg
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

    def _keep_alive(self) -> None:
        """Waits again for the next request, as uvicorn does after an answer: what came of this one
        since has ended that wait.
        """
        self.timeout_keep_alive_task = self.loop.call_later(
            self.timeout_keep_alive, self.timeout_keep_alive_handler
        )

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
