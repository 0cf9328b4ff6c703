"""Requests to the API server on kept connections.

A handshake costs the server some milliseconds of CPU, of which a fleet's users would need one each.
"""

import http.client
import json
import threading
from pathlib import Path

from tests.controlplane.api import Api


class KeepingApi(Api):
    """Each thread keeps a connection."""

    def __init__(self, kubeconfig: Path) -> None:
        super().__init__(kubeconfig)
        self._kept = threading.local()

    def _ask(
        self, method: str, path: str, body: object, content_type: str
    ) -> tuple[http.client.HTTPResponse, bytes]:
        if not hasattr(self._kept, "connection"):
            self._kept.connection = self.connect()
        connection: http.client.HTTPSConnection = self._kept.connection
        text = None if body is None else json.dumps(body)
        try:
            return _answer(connection, method, path, text, content_type)
        except (ConnectionError, http.client.HTTPException):
            # The server has closed it meanwhile; the next request opens it again.
            connection.close()
            return _answer(connection, method, path, text, content_type)


def _answer(
    connection: http.client.HTTPSConnection,
    method: str,
    path: str,
    text: str | None,
    content_type: str,
) -> tuple[http.client.HTTPResponse, bytes]:
    connection.request(method, path, text, {"Content-Type": content_type})
    answer = connection.getresponse()
    return answer, answer.read()
