"""Who asked the API server for what: its audit log."""

import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any, NamedTuple

OPERATOR = "headlesscms-operator"
WRITES = ("create", "update", "patch", "delete", "deletecollection")


@dataclass(frozen=True)
class Request:
    """`resource` is group/plural, with the subresource where there is one.

    `allowed` tells whether the user had the right; quotas and the end of a namespace refuse
    with the same status. Who sends an expired token is nobody. `agent` is what the program calls
    itself; `received` and `answered` are times of the server that can be compared.
    """

    user: str
    verb: str
    resource: str
    namespace: str
    name: str
    status: int
    allowed: bool
    agent: str = field(default="", compare=False)
    received: str = field(default="", compare=False)
    answered: str = field(default="", compare=False)

    @property
    def is_accepted(self) -> bool:
        return HTTPStatus.OK <= self.status < HTTPStatus.MULTIPLE_CHOICES

    @property
    def is_write(self) -> bool:
        return self.verb in WRITES


class Place(NamedTuple):
    """A byte in one file of the log, which its first line names: a rotation renames the file."""

    first: bytes
    offset: int


START = Place(b"", 0)


class AuditLog:
    """The newest file of the log and those that the API server has rotated away and still keeps."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def now(self) -> Place:
        """The present end of the log, for since()."""
        for path in reversed(self._files()):
            if first := _first_line(path):
                return Place(first, path.stat().st_size)
        return START

    def since(self, place: Place, user: str | None = OPERATOR) -> list[Request]:
        """What was asked after that place. A watch counts when it begins.

        Raises LookupError where the server keeps that part of the log no longer.
        """
        return [found for found in self._read(place) if user in (None, found.user)]

    def _files(self) -> list[Path]:
        """Oldest first: the time of the rotation is in the name."""
        rotated = sorted(self._path.parent.glob(f"{self._path.stem}-*{self._path.suffix}"))
        return [*rotated, *([self._path] if self._path.exists() else [])]

    def _read(self, place: Place) -> Iterator[Request]:
        files = self._files()
        if place != START:
            files = [*itertools.dropwhile(lambda path: _first_line(path) != place.first, files)]
            if not files:
                raise LookupError("the audit log was rotated away: --audit-log-maxbackup")
        offset = place.offset
        for path in files:
            yield from _requests(path, offset)
            offset = 0


def _first_line(path: Path) -> bytes:
    """Empty until it is written as a whole."""
    with path.open("rb") as file:
        line = file.readline()
    return line if line.endswith(b"\n") else b""


def _requests(path: Path, offset: int) -> Iterator[Request]:
    with path.open("rb") as file:
        file.seek(offset)
        for line in file:
            if not line.endswith(b"\n"):
                return
            event = json.loads(line)
            began = event["verb"] != "watch" or event["stage"] == "ResponseStarted"
            if began and "objectRef" in event:
                yield _request(event)


def _request(event: dict[str, Any]) -> Request:
    reference = event["objectRef"]
    subresource = reference.get("subresource")
    resource = f"{reference.get('apiGroup', '')}/{reference['resource']}"
    return Request(
        user=event["user"].get("username", ""),
        verb=event["verb"],
        resource=f"{resource}/{subresource}" if subresource else resource,
        namespace=reference.get("namespace", ""),
        name=reference.get("name", ""),
        status=event.get("responseStatus", {}).get("code", 0),
        allowed=event.get("annotations", {}).get("authorization.k8s.io/decision") == "allow",
        agent=event.get("userAgent", ""),
        received=event["requestReceivedTimestamp"],
        answered=event["stageTimestamp"],
    )
