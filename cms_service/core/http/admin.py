"""The admin port: probes, metrics and the state that the operator reads."""

import hmac
import logging
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qs

import orjson

from cms_service.core.errors import MethodNotAllowed, NotFound, Unauthorized
from cms_service.core.http.asgi import Receive, Scope, Send, send_problem, send_response
from cms_service.core.lifecycle import Lifecycle
from cms_service.core.telemetry.metrics import Metrics

_METRICS = "/metrics"
_JSON = b"application/json"
_LONGEST_TOKEN = 16 * 1024
# Chosen as with Prometheus' own exporters: ?name[]=SERIES&name[]=...
_NAME = "name[]"
_MOST_NAMES = 20
_METRICS_TEXT = b"text/plain; version=0.0.4; charset=utf-8"

logger = logging.getLogger(__name__)


class AdminApp:
    def __init__(
        self,
        lifecycle: Lifecycle,
        metrics: Metrics,
        revision: str,
        jwt_keys_generation: Callable[[], int],
        metrics_token_file: Path | None = None,
    ) -> None:
        self._lifecycle = lifecycle
        self._metrics = metrics
        self._revision = revision
        self._jwt_keys_generation = jwt_keys_generation
        self._metrics_token_file = metrics_token_file
        self._pages = {
            "/livez": self._livez,
            "/readyz": self._readyz,
            _METRICS: self._metrics_text,
            "/statusz": self._statusz,
        }

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        page = self._pages.get(scope["path"])
        if page is None:
            await send_problem(NotFound("There is no such page."), send)
            return
        if scope["method"] not in {"GET", "HEAD"}:
            refusal = MethodNotAllowed(
                "The page has no such method.", headers={"Allow": "GET, HEAD"}
            )
            await send_problem(refusal, send)
            return
        if scope["path"] == _METRICS and not self._may_read_metrics(scope):
            await send_problem(Unauthorized("The metrics need a token."), send)
            return
        status, media_type, content = page(scope["query_string"])
        await send_response(send, status, [(b"content-type", media_type)], content)

    def _may_read_metrics(self, scope: Scope) -> bool:
        """Where there is a file, the token in it is asked for; one that cannot be read lets nobody
        in.
        """
        if self._metrics_token_file is None:
            return True
        given = dict(scope["headers"]).get(b"authorization", b"")
        try:
            # Each time: it may be renewed while the process runs.
            with self._metrics_token_file.open("rb") as file:
                token = file.read(_LONGEST_TOKEN).strip()
        except OSError as error:
            logger.warning("METRICS_TOKEN_FILE cannot be read: %s", type(error).__name__)
            return False
        return bool(token) and hmac.compare_digest(given, b"Bearer " + token)

    def _livez(self, _query: bytes) -> tuple[int, bytes, bytes]:
        return 200, _JSON, b'{"live":true}'

    def _readyz(self, _query: bytes) -> tuple[int, bytes, bytes]:
        reason = self._lifecycle.reason
        content = orjson.dumps({"ready": reason is None, "reason": reason})
        return 200 if reason is None else 503, _JSON, content

    def _metrics_text(self, query: bytes) -> tuple[int, bytes, bytes]:
        self._metrics.jwt_keys_generation.set(self._jwt_keys_generation())
        return 200, _METRICS_TEXT, self._metrics.render(_names(query))

    def _statusz(self, _query: bytes) -> tuple[int, bytes, bytes]:
        state = {
            "jwtKeysGeneration": self._jwt_keys_generation(),
            "schemaVersion": self._lifecycle.schema_version,
            "revision": self._revision,
        }
        return 200, _JSON, orjson.dumps(state)


def _names(query: bytes) -> list[str]:
    """The series that are asked for. What is no such question asks for all."""
    try:
        asked = parse_qs(query.decode("ascii"), max_num_fields=_MOST_NAMES)
    except ValueError:
        return []
    return asked.get(_NAME, [])
