"""The operator has the rights that it needs, and no others. Runs after all other tests."""

from pathlib import Path

import pytest

from localcluster.controlplane import ControlPlane
from tests.controlplane.api import Api
from tests.controlplane.audit import OPERATOR, AuditLog, Request
from tests.controlplane.operator_process import OperatorProcess

CREATED = 201

# Granted and not used here, with the reason.
EXPLAINED = {
    ("update", "headlesscms.io/headlesscmses/finalizers"): (
        "owner references that block deletion need it where the admission plugin "
        "OwnerReferencesPermissionEnforcement is on"
    ),
    ("get", "gateway.networking.k8s.io/httproutes"): (
        "to tell whose an HTTPRoute with a taken name is, as with the other kinds"
    ),
}

pytestmark = pytest.mark.last


@pytest.fixture
def asked(control_plane: ControlPlane, operator: OperatorProcess) -> list[Request]:
    assert operator.is_running()
    return AuditLog(control_plane.audit_log).since(0)


def used_by(request: Request) -> set[str]:
    """An apply that creates needs the right to create, too."""
    created = request.verb == "patch" and request.status == CREATED
    return {request.verb, "create"} if created else {request.verb}


def test_nothing_that_the_operator_asked_for_was_forbidden(asked: list[Request]) -> None:
    refused = {(request.verb, request.resource) for request in asked if not request.allowed}
    assert refused == set()


def test_every_right_is_used_or_explained(
    api: Api, asked: list[Request], request: pytest.FixtureRequest
) -> None:
    files = {item.path for item in request.session.items}
    if not files >= set(Path(__file__).parent.glob("test_*.py")):
        pytest.skip("only the whole tier uses every right")
    used = {(verb, request.resource) for request in asked for verb in used_by(request)}
    unused = sorted(granted(api) - used - EXPLAINED.keys())
    assert not unused, "\n".join(f"{verb} {resource}" for verb, resource in unused)


def test_no_explained_right_is_used_after_all(asked: list[Request]) -> None:
    assert not EXPLAINED.keys() & {(request.verb, request.resource) for request in asked}


def granted(api: Api) -> set[tuple[str, str]]:
    path = "/apis/rbac.authorization.k8s.io/v1"
    bindings = api.request("GET", f"{path}/clusterrolebindings")["items"]
    roles = [
        api.request("GET", f"{path}/clusterroles/{binding['roleRef']['name']}")
        for binding in bindings
        if any(subject["name"] == OPERATOR for subject in binding.get("subjects", []))
    ]
    return {
        (verb, f"{group}/{resource}")
        for role in roles
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def test_no_reconcile_ended_in_a_way_that_nobody_expected(operator: OperatorProcess) -> None:
    logs = operator.log.parent.glob("*operator.log")
    unexpected = [line for log in logs for line in log.read_text().splitlines() if is_bad(line)]
    assert unexpected == []


def is_bad(line: str) -> bool:
    return "unexpected failure" in line or "Traceback" in line
