"""Plain requests to the API server as its admin; a kubectl costs a tenth of a second each."""

import base64
import http.client
import json
import socket
import ssl
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from cms_operator.cluster.kinds import CHILDREN, HEADLESS_CMS, Kind
from cms_operator.cluster.leader_election.lease import LEASE

APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"
ANSWER_SECONDS = 30
WATCH_SECONDS = 600
BUSY_TRIES = 10
Object = dict[str, Any]

KINDS = {
    kind.name.lower(): kind
    for kind in (
        HEADLESS_CMS,
        *CHILDREN,
        Kind("v1", "ResourceQuota", "resourcequotas"),
        Kind("apps/v1", "ReplicaSet", "replicasets"),
        Kind("events.k8s.io/v1", "Event", "events"),
        LEASE,
    )
}


class RefusedError(Exception):
    """The API server's answer was not 2xx."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"{status}: {text}")
        self.status = status


class Api:
    def __init__(self, kubeconfig: Path) -> None:
        config = json.loads(kubeconfig.read_text())
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        address = urlsplit(cluster["server"])
        self._host, self._port = str(address.hostname), address.port
        self._context = ssl.create_default_context(
            cadata=base64.b64decode(cluster["certificate-authority-data"]).decode()
        )
        with tempfile.NamedTemporaryFile() as file:
            for name in ("client-certificate-data", "client-key-data"):
                file.write(base64.b64decode(user[name]) + b"\n")
            file.flush()
            self._context.load_cert_chain(file.name)

    def connect(self, seconds: float = ANSWER_SECONDS) -> http.client.HTTPSConnection:
        return http.client.HTTPSConnection(
            self._host, self._port, timeout=seconds, context=self._context
        )

    def request(
        self,
        method: str,
        path: str,
        body: object = None,
        content_type: str = "application/json",
    ) -> Any:
        """A server that is busy is asked again for a while. Raises RefusedError."""
        for _ in range(BUSY_TRIES):
            answer, data = self._ask(method, path, body, content_type)
            if answer.status != http.HTTPStatus.TOO_MANY_REQUESTS:
                break
            time.sleep(float(answer.headers.get("Retry-After", "1")))
        if answer.status >= http.HTTPStatus.BAD_REQUEST:
            raise RefusedError(answer.status, data.decode())
        return json.loads(data) if data else None

    def _ask(
        self, method: str, path: str, body: object, content_type: str
    ) -> tuple[http.client.HTTPResponse, bytes]:
        connection = self.connect()
        try:
            text = None if body is None else json.dumps(body)
            connection.request(method, path, text, {"Content-Type": content_type})
            answer = connection.getresponse()
            return answer, answer.read()
        finally:
            connection.close()


class Watch:
    """Follows the objects of one kind, and tells each change in its order.

    Without a namespace it follows those of all. What is there already comes first, as ADDED. `see`
    gets the type of the change and the object, on a thread of its own. A server ends the watch of
    a reader that is too slow: with `resume` it begins anew, for whoever wants states and not
    changes. To enter it raises RefusedError.
    """

    def __init__(
        self,
        api: Api,
        kind: Kind,
        namespace: str | None,
        see: Callable[[str, Object], None],
        *,
        resume: bool = False,
    ) -> None:
        self._connection = api.connect(WATCH_SECONDS)
        self._resume = resume
        self._path = f"{kind.path(namespace)}?watch=true"
        self._see = see
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._stopped = threading.Event()

    def __enter__(self) -> Self:
        self._begin()
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stopped.set()
        if self._connection.sock is not None:
            # Not the method of the TLS socket, which would go on reading, without TLS.
            socket.socket.shutdown(self._connection.sock, socket.SHUT_RDWR)
        self._thread.join(ANSWER_SECONDS)
        self._connection.close()

    def _begin(self) -> None:
        self._connection.request("GET", self._path)
        self._answer = self._connection.getresponse()
        if self._answer.status != http.HTTPStatus.OK:
            text = self._answer.read().decode()
            self._connection.close()
            raise RefusedError(self._answer.status, text)

    def _follow(self) -> None:
        while not self._stopped.is_set():
            for line in self._lines():
                event = json.loads(line)
                if event["type"] not in ("BOOKMARK", "ERROR"):
                    self._see(event["type"], event["object"])
            if self._resume and not self._stopped.is_set():
                self._connection.close()
                self._begin()

    def _lines(self) -> Iterator[bytes]:
        try:
            while line := self._answer.readline():
                yield line
        except (OSError, ValueError, http.client.HTTPException):
            pass
        assert self._resume or self._stopped.is_set(), "the watch ended by itself"
