"""The chart's roles: what the operator and people may do, and no more."""

from typing import Any, get_args

import pytest
import yaml

from cms_operator.api.annotations import Verb
from cms_operator.cluster.kinds import (
    CHILDREN,
    DEPLOYMENT,
    ENDPOINT_SLICE,
    HEADLESS_CMS,
    JOB,
    Kind,
)
from cms_operator.cluster.leader_election.lease import LEASE
from cms_operator.reconcile.children import PRUNED
from tests.support.charts import NAMESPACE, Chart, Objects, of_kind, the

SEEN = {"list", "watch"}
CHILD = SEEN | {"get", "create", "patch", "delete"}


def verbs_by_resource(role: dict[str, Any]) -> dict[tuple[str, str], set[str]]:
    return {
        (group, resource): set(rule["verbs"])
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
    }


def operator_role(objects: Objects) -> dict[str, Any]:
    binding = the(objects, "ClusterRoleBinding")
    return next(
        role
        for role in of_kind(objects, "ClusterRole")
        if role["metadata"]["name"] == binding["roleRef"]["name"]
    )


def verbs_for(kind: Kind) -> set[str]:
    if not kind.writable:
        return SEEN
    if kind is JOB:  # made anew, never changed
        return CHILD - {"patch"}
    # The others go with their owner.
    return CHILD if kind in {*PRUNED, DEPLOYMENT} else CHILD - {"delete"}


def test_rights_are_those_of_the_kinds_that_the_operator_handles(rendered: Objects) -> None:
    wanted = {(kind.group, kind.plural): verbs_for(kind) for kind in (*CHILDREN, HEADLESS_CMS)}
    wanted |= {
        ("headlesscms.io", "headlesscmses/status"): {"patch"},
        ("headlesscms.io", "headlesscmses/finalizers"): {"update"},
        ("events.k8s.io", "events"): {"create"},
        # Read once more before pods go.
        (ENDPOINT_SLICE.group, ENDPOINT_SLICE.plural): {*SEEN, "get"},
    }
    assert verbs_by_resource(operator_role(rendered)) == wanted


def test_cluster_wide_mode_binds_the_operators_own_account_only(rendered: Objects) -> None:
    binding = the(rendered, "ClusterRoleBinding")
    account = the(rendered, "ServiceAccount")["metadata"]["name"]
    assert binding["subjects"] == [
        {"kind": "ServiceAccount", "name": account, "namespace": NAMESPACE}
    ]
    pod = the(rendered, "Deployment")["spec"]["template"]["spec"]
    assert pod["serviceAccountName"] == account


def test_namespaced_mode_needs_no_right_outside_the_named_namespaces(chart: Chart) -> None:
    objects = chart.render({"watchNamespaces": ["team-a", "team-b"]})
    kinds = {found["kind"] for found in objects} - {"CustomResourceDefinition"}
    assert kinds.isdisjoint({"ClusterRole", "ClusterRoleBinding"})
    for kind in ("Role", "RoleBinding"):
        places = [found["metadata"]["namespace"] for found in of_kind(objects, kind)]
        assert sorted(places) == sorted([NAMESPACE, "team-a", "team-b"])
    cluster_wide = verbs_by_resource(operator_role(chart.render()))
    for role in of_kind(objects, "Role"):
        if role["metadata"]["namespace"] != NAMESPACE:
            assert verbs_by_resource(role) == cluster_wide


@pytest.mark.parametrize("values", [{}, {"watchNamespaces": [NAMESPACE]}])
def test_the_lease_is_the_only_one_that_can_be_touched(
    chart: Chart, values: dict[str, Any]
) -> None:
    objects = chart.render(values)
    (role,) = (r for r in of_kind(objects, "Role") if r["metadata"]["name"].endswith("-lease"))
    create, others = role["rules"]
    assert create["verbs"] == ["create"]
    assert (others["resourceNames"], set(others["verbs"])) == (
        ["r-headlesscms-operator"],
        {"get", "watch", "patch"},
    )
    for rule in role["rules"]:
        assert (rule["apiGroups"], rule["resources"]) == ([LEASE.group], [LEASE.plural])
    assert role["metadata"]["namespace"] == NAMESPACE
    (binding,) = (
        b
        for b in of_kind(objects, "RoleBinding")
        if b["roleRef"]["name"] == role["metadata"]["name"]
    )
    assert binding["metadata"]["namespace"] == NAMESPACE
    assert [s["name"] for s in binding["subjects"]] == [
        the(objects, "ServiceAccount")["metadata"]["name"]
    ]


@pytest.mark.parametrize("values", [{}, {"watchNamespaces": ["team-a"]}], ids=str)
def test_the_operator_cannot_raise_its_rights_nor_enter_pods(
    chart: Chart, values: dict[str, Any]
) -> None:
    objects = chart.render(values)
    roles = of_kind(objects, "Role")
    if of_kind(objects, "ClusterRoleBinding"):
        roles.append(operator_role(objects))
    granted = {key: verbs for role in roles for key, verbs in verbs_by_resource(role).items()}
    assert not any("*" in {group, resource, *verbs} for (group, resource), verbs in granted.items())
    verbs = set().union(*granted.values())
    assert verbs.isdisjoint({"escalate", "bind", "impersonate", "deletecollection"})
    assert granted["", "pods"] == granted["headlesscms.io", "headlesscmses"] == SEEN
    assert "delete" not in granted["", "secrets"] | granted["", "serviceaccounts"]
    resources = {resource for _, resource in granted}
    assert resources.isdisjoint({"pods/exec", "pods/log", "nodes", "namespaces"})
    assert not any(group == "rbac.authorization.k8s.io" for group, _ in granted)
    assert ("", "serviceaccounts/token") not in granted


def role_named(objects: Objects, suffix: str) -> dict[str, Any]:
    return next(
        role
        for role in of_kind(objects, "ClusterRole")
        if role["metadata"]["name"].endswith(suffix)
    )


@pytest.mark.parametrize(
    ("suffix", "aggregate", "writes", "asks"),
    [
        ("-viewer", "view", False, False),
        ("-editor", "edit", True, False),
        ("-admin", "admin", True, True),
    ],
)
def test_people_get_their_rights_by_the_clusters_own_roles(
    rendered: Objects, suffix: str, aggregate: str, *, writes: bool, asks: bool
) -> None:
    role = role_named(rendered, suffix)
    labels = {key for key in role["metadata"]["labels"] if "aggregate-to" in key}
    assert labels == {f"rbac.authorization.k8s.io/aggregate-to-{aggregate}"}
    granted = {
        verb
        for rule in role["rules"]
        for verb in rule["verbs"]
        if "headlesscmses" in rule["resources"]
    }
    assert ("patch" in granted) is writes
    assert granted & set(get_args(Verb)) == (set(get_args(Verb)) if asks else set())
    status = [rule for rule in role["rules"] if "headlesscmses/status" in rule["resources"]]
    assert all(set(rule["verbs"]) <= {"get", "list", "watch"} for rule in status)


def test_every_request_needs_a_verb_of_its_own_which_release_managers_have(
    rendered: Objects,
) -> None:
    verbs = set(get_args(Verb))
    policy = the(rendered, "ValidatingAdmissionPolicy")["spec"]
    (listed,) = (v["expression"] for v in policy["variables"] if v["name"] == "verbs")
    assert set(yaml.safe_load(listed)) == verbs
    checks = [
        rule["expression"] for rule in policy["validations"] if "authorizer" in rule["expression"]
    ]
    assert all(sum(f"check('{verb}')" in check for check in checks) == 1 for verb in verbs)
    assert len(checks) == len(verbs)
    binding = the(rendered, "ValidatingAdmissionPolicyBinding")["spec"]
    assert binding["validationActions"] == ["Deny"]
    manager = role_named(rendered, "-release-manager")
    assert not any("aggregate-to" in key for key in manager["metadata"]["labels"])
    reads = {"get", "list", "watch"}
    assert verbs_by_resource(manager) == {
        ("headlesscms.io", "headlesscmses"): verbs | reads | {"patch"},
        # What `kubectl hcms status`, `history` and `diff` show.
        ("", "pods"): reads,
        ("apps", "controllerrevisions"): reads,
    }
    asking = (manager, role_named(rendered, "-admin"))
    others = [role for role in of_kind(rendered, "ClusterRole") if role not in asking]
    assert not any(verbs & set(rule["verbs"]) for role in others for rule in role["rules"])


def test_metrics_for_known_readers_need_two_more_rights_and_no_others(
    chart: Chart, rendered: Objects
) -> None:
    guarded = chart.render({"metrics": {"authenticated": True}})
    before, after = (verbs_by_resource(operator_role(found)) for found in (rendered, guarded))
    assert {key: verbs for key, verbs in after.items() if key not in before} == {
        ("authentication.k8s.io", "tokenreviews"): {"create"},
        ("authorization.k8s.io", "subjectaccessreviews"): {"create"},
    }
    (rule,) = role_named(guarded, "-metrics-reader")["rules"]
    assert rule == {"nonResourceURLs": ["/metrics"], "verbs": ["get"]}
    assert not [r for r in of_kind(rendered, "ClusterRole") if "metrics" in r["metadata"]["name"]]
