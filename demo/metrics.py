"""What each pod says of itself, read through the API server."""

import json
import re
from dataclasses import dataclass
from datetime import datetime

from demo.tools import Kubectl

HTTP_PORT = 3000
ADMIN_PORT = 9000
_COUNTER = re.compile(
    r'^hcms_http_requests_total\{.*route="([^"]*)".*\} ([0-9.e+]+)$', re.MULTILINE
)


@dataclass(frozen=True)
class Health:
    checked_at: datetime
    status: dict[str, str]
    """Of each of the pod's dependencies: ok or error."""


def _read(kubectl: Kubectl, namespace: str, pod: str, port: int, path: str) -> str:
    root = f"/api/v1/namespaces/{namespace}/pods/{pod}:{port}/proxy"
    return kubectl("get", "--raw", root + path)


def delivered(kubectl: Kubectl, namespace: str, pod: str) -> int:
    """Deliveries that the pod has answered since its start."""
    counters = _COUNTER.findall(_read(kubectl, namespace, pod, ADMIN_PORT, "/metrics"))
    return int(sum(float(count) for route, count in counters if "/delivery/" in route))


def health(kubectl: Kubectl, namespace: str, pod: str) -> Health:
    found = json.loads(_read(kubectl, namespace, pod, HTTP_PORT, "/health"))
    status = {name: check["status"] for name, check in found["checks"].items()}
    return Health(datetime.fromisoformat(found["timestamp"]), status)
