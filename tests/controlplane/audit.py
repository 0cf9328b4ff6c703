"""Who asked the API server for what: its audit log."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

OPERATOR = "headlesscms-operator"
WRITES = ("create", "update", "patch", "delete", "deletecollection")


@dataclass(frozen=True)
class Request:
    """`resource` is group/plural, with the subresource where there is one.

    `allowed` tells whether the user had the right; quotas and the end of a namespace refuse
    with the same status.
    """

    user: str
    verb: str
    resource: str
    namespace: str
    name: str
    status: int
    allowed: bool

    @property
    def is_write(self) -> bool:
        return self.verb in WRITES


class AuditLog:
    def __init__(self, path: Path) -> None:
        self._path = path

    def now(self) -> int:
        """A place in the log, for since()."""
        return self._path.stat().st_size

    def since(self, place: int, user: str | None = OPERATOR) -> list[Request]:
        """What was asked after that place. A watch counts when it begins."""
        return [found for found in self._read(place) if user in (None, found.user)]

    def _read(self, place: int) -> Iterator[Request]:
        with self._path.open("rb") as file:
            file.seek(place)
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
        user=event["user"]["username"],
        verb=event["verb"],
        resource=f"{resource}/{subresource}" if subresource else resource,
        namespace=reference.get("namespace", ""),
        name=reference.get("name", ""),
        status=event.get("responseStatus", {}).get("code", 0),
        allowed=event["annotations"]["authorization.k8s.io/decision"] == "allow",
    )
