"""A metrics API in which all pods that serve share one load, in millicores of CPU."""

import json
import ssl
import sys
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.controlplane.api import Api

PORT = 4443
VERSION = "metrics.k8s.io/v1beta1"
RESOURCES = {
    "kind": "APIResourceList",
    "apiVersion": "v1",
    "groupVersion": VERSION,
    "resources": [
        {"name": "pods", "namespaced": True, "kind": "PodMetrics", "verbs": ["get", "list"]}
    ],
}


class Metrics(BaseHTTPRequestHandler):
    api: Api
    load: Path

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        if url.path == f"/apis/{VERSION}":
            self._answer(RESOURCES)
        elif url.path.endswith("/pods"):
            namespace = url.path.split("/")[-2]
            self._answer(self._of_pods(namespace, url.query))
        else:
            self.send_error(404)

    def _of_pods(self, namespace: str, selector: str) -> dict[str, Any]:
        path = f"/api/v1/namespaces/{namespace}/pods"
        serving = [pod for pod in self.api.request("GET", path)["items"] if is_serving(pod)]
        found = self.api.request("GET", f"{path}?{selector}")["items"]
        share = int(self.load.read_text()) / max(1, len(serving))
        items = [
            {
                "metadata": {"name": pod["metadata"]["name"], "namespace": namespace},
                "timestamp": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
                "window": "1s",
                "containers": [{"name": "api", "usage": usage(share if is_serving(pod) else 0)}],
            }
            for pod in found
        ]
        return {"kind": "PodMetricsList", "apiVersion": VERSION, "metadata": {}, "items": items}

    def _answer(self, body: dict[str, Any]) -> None:
        text = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)


def is_serving(pod: dict[str, Any]) -> bool:
    conditions = pod["status"].get("conditions", [])
    ready = any((c["type"], c["status"]) == ("Ready", "True") for c in conditions)
    running = pod["status"].get("phase") == "Running"
    return ready and running and "deletionTimestamp" not in pod["metadata"]


def usage(millicores: float) -> dict[str, str]:
    return {"cpu": f"{millicores:.0f}m", "memory": "64Mi"}


def serve(kubeconfig: Path, certificate: Path, key: Path, load: Path) -> None:
    Metrics.api, Metrics.load = Api(kubeconfig), load
    server = ThreadingHTTPServer(("0.0.0.0", PORT), Metrics)  # noqa: S104  - a namespace of its own
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.serve_forever()


if __name__ == "__main__":
    serve(*map(Path, sys.argv[1:]))
