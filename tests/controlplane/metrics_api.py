"""A metrics API in which the pods that get requests share one load, in millicores of CPU.

They are those behind the Service `shop` and, by the weight of its route, behind `shop-preview`.
"""

import json
import ssl
import sys
from collections import Counter
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.controlplane.api import Api, RefusedError
from tests.controlplane.gateway import weight_of

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
        found = self.api.request("GET", f"{path}?{selector}")["items"]
        loads = self._loads(namespace)
        items = [
            {
                "metadata": {"name": pod["metadata"]["name"], "namespace": namespace},
                "timestamp": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
                "window": "1s",
                "containers": [{"name": "api", "usage": usage(loads[pod["metadata"]["name"]])}],
            }
            for pod in found
        ]
        return {"kind": "PodMetricsList", "apiVersion": VERSION, "metadata": {}, "items": items}

    def _loads(self, namespace: str) -> Counter[str]:
        """What each pod has of the load, by its name."""
        load, weight = int(self.load.read_text()), self._weight(namespace)
        path = f"/apis/discovery.k8s.io/v1/namespaces/{namespace}/endpointslices"
        slices = self.api.request("GET", path)["items"]
        loads: Counter[str] = Counter()
        for service, percent in (("shop", 100 - weight), ("shop-preview", weight)):
            pods = [pod for found in slices if serves(found, service) for pod in ready(found)]
            for pod in pods:
                loads[pod] += load * percent // 100 // len(pods)
        return loads

    def _weight(self, namespace: str) -> int:
        path = f"/apis/gateway.networking.k8s.io/v1/namespaces/{namespace}/httproutes/shop"
        try:
            return weight_of(self.api.request("GET", path))
        except RefusedError:  # there is no route, or no such kind
            return 0

    def _answer(self, body: dict[str, Any]) -> None:
        text = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)


def serves(found: dict[str, Any], service: str) -> bool:
    return bool(found["metadata"].get("labels", {}).get("kubernetes.io/service-name") == service)


def ready(found: dict[str, Any]) -> list[str]:
    return [
        endpoint["targetRef"]["name"]
        for endpoint in found.get("endpoints") or []
        if endpoint["conditions"].get("ready")
    ]


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
