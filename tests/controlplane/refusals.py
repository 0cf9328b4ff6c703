"""What others in a cluster do so that the API server refuses the operator's children."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

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


@contextmanager
def a_webhook_that_is_down(team: Team, *resources: str) -> Iterator[None]:
    """Somebody's validating webhook has to be asked for each of these, and nobody answers."""
    name = f"audit-{team.namespace}.example.com"
    webhook = {
        "name": name,
        "clientConfig": {"url": "https://127.0.0.1:1/validate"},
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
