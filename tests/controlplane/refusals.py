"""What others in a cluster do so that the API server refuses the operator's children."""

import base64
import json
import ssl
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from localcluster.pki import Authority, Identity
from tests.controlplane.api import Api, RefusedError
from tests.controlplane.operator_process import USER
from tests.controlplane.team import Team, eventually

ADMISSION = "/apis/admissionregistration.k8s.io/v1"
WORDS = "no such thing before the audit"
# Not the controllers, and nobody makes such an object but to see whether the rule is in force.
ONLY = [{"name": "only", "expression": f"request.userInfo.username in ['{USER}', 'admin']"}]
PROBE = "limitranges"


def _rules(*resources: str) -> list[dict[str, Any]]:
    return [
        {
            "apiGroups": ["*"],
            "apiVersions": ["*"],
            "operations": ["CREATE", "UPDATE"],
            "resources": [*resources, PROBE],
        }
    ]


def _namespace(team: Team) -> dict[str, Any]:
    return {"matchLabels": {"kubernetes.io/metadata.name": team.namespace}}


@contextmanager
def a_policy(team: Team, *resources: str) -> Iterator[None]:
    """Somebody's ValidatingAdmissionPolicy refuses each of these in the team's namespace."""
    name = f"audit-{team.namespace}"
    policy = {
        "metadata": {"name": name},
        "spec": {
            "matchConstraints": {
                "resourceRules": _rules(*resources),
                "namespaceSelector": _namespace(team),
            },
            "matchConditions": ONLY,
            "validations": [{"expression": "false", "message": WORDS}],
        },
    }
    binding = {
        "metadata": {"name": name},
        "spec": {"policyName": name, "validationActions": ["Deny"]},
    }
    kinds = {"validatingadmissionpolicies": policy, "validatingadmissionpolicybindings": binding}
    with _there(team.api, kinds):
        eventually(lambda: _is_in_force(team), "the policy is in force")
        yield


def a_webhook_that_is_down(team: Team, *resources: str) -> AbstractContextManager[None]:
    """Somebody's validating webhook has to be asked for each of these, and nobody answers."""
    return _a_webhook(team, {"url": "https://127.0.0.1:1/validate"}, resources)


@contextmanager
def a_webhook_that_finds_a_conflict(team: Team, *resources: str) -> Iterator[None]:
    """Somebody's validating webhook forbids each of these, with a status that means otherwise."""
    address = str(team.control_plane.block.host_end)
    with tempfile.TemporaryDirectory() as folder:
        authority = Authority(Path(folder), "webhook-ca")
        issued = authority.issue("webhook", Identity("webhook", addresses=(address,)))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(issued.certificate, issued.key)
        bundle = base64.b64encode(authority.certificate.read_bytes()).decode()
    with ThreadingHTTPServer((address, 0), _Forbidding) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        url = f"https://{address}:{server.server_port}/validate"
        try:
            with _a_webhook(team, {"url": url, "caBundle": bundle}, resources):
                yield
        finally:
            server.shutdown()
            thread.join()


class _Forbidding(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        status = {"code": HTTPStatus.CONFLICT, "reason": "Conflict", "message": WORDS}
        said = {"uid": asked["request"]["uid"], "allowed": False, "status": status}
        review = {"apiVersion": asked["apiVersion"], "kind": asked["kind"], "response": said}
        text = json.dumps(review).encode()
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_: object) -> None: ...


@contextmanager
def _a_webhook(team: Team, client: dict[str, str], resources: Sequence[str]) -> Iterator[None]:
    name = f"audit-{team.namespace}.example.com"
    webhook = {
        "name": name,
        "clientConfig": client,
        "rules": _rules(*resources),
        "namespaceSelector": _namespace(team),
        "matchConditions": ONLY,
        "failurePolicy": "Fail",
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
        "timeoutSeconds": 2,
    }
    configuration = {"metadata": {"name": name}, "webhooks": [webhook]}
    with _there(team.api, {"validatingwebhookconfigurations": configuration}):
        eventually(lambda: _is_in_force(team), "the webhook is asked")
        yield


@contextmanager
def a_quota(team: Team, *resources: str) -> Iterator[None]:
    """None of these are left to the namespace."""
    metadata = {"name": "nothing-left"}
    hard = {f"count/{name}": "0" for name in resources}
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": metadata}
    team.apply(quota | {"spec": {"hard": hard}})
    eventually(lambda: team.the("resourcequota", "nothing-left").get("status"), "the quota counts")
    try:
        yield
    finally:
        team.delete("resourcequota", "nothing-left")


def _is_in_force(team: Team) -> bool:
    path = f"/api/v1/namespaces/{team.namespace}/{PROBE}?dryRun=All"
    probe = {"metadata": {"name": "probe"}, "spec": {"limits": []}}
    try:
        team.api.request("POST", path, probe)
    except RefusedError:
        return True
    return False


@contextmanager
def _there(api: Api, objects: Mapping[str, dict[str, Any]]) -> Iterator[None]:
    for plural, found in objects.items():
        api.request("POST", f"{ADMISSION}/{plural}", found)
    try:
        yield
    finally:
        for plural, found in objects.items():
            api.request("DELETE", f"{ADMISSION}/{plural}/{found['metadata']['name']}")
