"""The operator has the rights that it needs, and no others.

Looks back on a whole run of the control-plane tier.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from localcluster import binaries
from localcluster.progress import Progress
from tests.controlplane import records
from tests.controlplane.audit import Request
from tests.support.charts import Chart, of_kind

CREATED = 201
TIER = Path(__file__).parents[1] / "controlplane"

# Granted and not used here, with the reason.
EXPLAINED = {
    ("update", "headlesscms.io/headlesscmses/finalizers"): (
        "owner references that block deletion need it where the admission plugin "
        "OwnerReferencesPermissionEnforcement is on"
    ),
}


MODES: list[dict[str, Any]] = [
    {},
    {"watchNamespaces": ["team-a"]},
    {"metrics": {"authenticated": True}},
]


@pytest.fixture(scope="module")
def asked() -> list[Request]:
    missing = {found.name for found in TIER.glob("test_*.py")} - records.files_run()
    if missing:
        if os.environ.get("HCMS_REQUIRE_CLUSTER") == "1":
            pytest.fail(f"these have not run before: {sorted(missing)}")
        pytest.skip("only a run of the whole control-plane tier uses every right")
    return records.requests()


def used_by(request: Request) -> set[str]:
    """An apply that creates needs the right to create, too."""
    created = request.verb == "patch" and request.status == CREATED
    return {request.verb, "create"} if created else {request.verb}


def test_nothing_that_the_operator_asked_for_was_forbidden(asked: list[Request]) -> None:
    refused = {(request.verb, request.resource) for request in asked if not request.allowed}
    assert refused == set()


@pytest.mark.parametrize("mode", MODES, ids=str)
def test_every_right_is_used_or_explained(asked: list[Request], mode: dict[str, Any]) -> None:
    used = {(verb, request.resource) for request in asked for verb in used_by(request)}
    unused = sorted(granted(mode) - used - EXPLAINED.keys())
    assert not unused, "\n".join(f"{verb} {resource}" for verb, resource in unused)


def test_no_explained_right_is_used_after_all(asked: list[Request]) -> None:
    assert not EXPLAINED.keys() & {(request.verb, request.resource) for request in asked}


def granted(values: dict[str, Any]) -> set[tuple[str, str]]:
    """The rights that the chart grants; the tier's operators have had just these."""
    helm = binaries.ensure((*binaries.CONTROL_PLANE, "helm"), Progress()) / "helm"
    objects = Chart(helm, "headlesscms-operator").render(values)
    bindings = [*of_kind(objects, "ClusterRoleBinding"), *of_kind(objects, "RoleBinding")]
    bound = {(found["roleRef"]["kind"], found["roleRef"]["name"]) for found in bindings}
    assert bound
    return {
        (verb, f"{group}/{resource}")
        for role in objects
        if (role["kind"], role["metadata"]["name"]) in bound
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


@pytest.mark.usefixtures("asked")
def test_no_reconcile_ended_in_a_way_that_nobody_expected() -> None:
    logs = list(records.operator_logs())
    assert logs
    unexpected = [found for log in logs for found in excerpts(log.read_text().splitlines())]
    assert not unexpected, "\n\n".join(unexpected)


def excerpts(lines: list[str]) -> Iterator[str]:
    """Each bad line with what was logged around it."""
    for number, line in enumerate(lines):
        if "unexpected failure" in line or "Traceback" in line:
            yield "\n".join(lines[max(0, number - 3) : number + 40])
