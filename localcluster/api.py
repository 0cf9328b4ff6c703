"""The few requests that are made before and beside kubectl."""

import http.client
import json
import ssl
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from localcluster.errors import ClusterError
from localcluster.pki import Certificate
from localcluster.shell import CURE

REQUEST_SECONDS = 5.0
POLL_SECONDS = 0.1


class ApiServer:
    def __init__(self, host: str, port: int, authority: Path, client: Certificate) -> None:
        self._host = host
        self._port = port
        self._context = ssl.create_default_context(cafile=str(authority))
        self._context.load_cert_chain(client.certificate, client.key)

    @property
    def url(self) -> str:
        return f"https://{self._host}:{self._port}"

    def request(self, method: str, path: str, body: object = None) -> tuple[int, str]:
        connection = http.client.HTTPSConnection(
            self._host, self._port, timeout=REQUEST_SECONDS, context=self._context
        )
        try:
            payload = None if body is None else json.dumps(body)
            connection.request(method, path, payload, {"Content-Type": "application/json"})
            response = connection.getresponse()
            return response.status, response.read().decode()
        finally:
            connection.close()

    def get(self, path: str) -> Any:
        """The object at path, or None where it is not there or not to be had yet."""
        try:
            status, text = self.request("GET", path)
        except (OSError, http.client.HTTPException):
            return None
        return json.loads(text) if status == http.HTTPStatus.OK else None

    def create(self, path: str, body: object) -> None:
        status, text = self.request("POST", path, body)
        if status != http.HTTPStatus.CREATED:
            raise ClusterError(f"the API server refused {path} ({status}): {text}", cure=CURE)

    def ready(self) -> bool:
        try:
            return self.request("GET", "/readyz")[0] == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False


def wait_until(
    happened: Callable[[], bool],
    *,
    what: str,
    seconds: float,
    check: Callable[[], None] = lambda: None,
    log: Path | None = None,
) -> None:
    """Polls; check raises as soon as waiting has become pointless."""
    deadline = time.monotonic() + seconds
    while not happened():
        check()
        if time.monotonic() > deadline:
            raise ClusterError(
                f"{what}: not after {seconds:.0f} s",
                log=log,
                cure="a busy machine may need a second try; else read the log",
            )
        time.sleep(POLL_SECONDS)
