"""The operator's chart gives it what it needs, and no more."""

import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from cms_operator.cluster.kinds import CHILDREN, DEPLOYMENT, HEADLESS_CMS, Kind
from cms_operator.settings import Settings
from cms_operator.steps.children import PRUNED
from tests.support.charts import (
    CHARTS,
    NAMESPACE,
    REPOSITORY,
    Chart,
    Objects,
    RefusedValuesError,
    of_kind,
    the,
)
from tests.support.pod_security import violations

SEEN = {"list", "watch"}
CHILD = SEEN | {"get", "create", "patch", "delete"}
# The operator deletes none of these: they go with their owner.
DIGEST = "sha256:" + "a" * 64


@pytest.fixture(scope="module")
def chart(tools: Path) -> Chart:
    return Chart(tools / "helm", "headlesscms-operator")


@pytest.fixture(scope="module")
def rendered(chart: Chart) -> Objects:
    return chart.render()


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


def operator_container(objects: Objects) -> dict[str, Any]:
    (container,) = the(objects, "Deployment")["spec"]["template"]["spec"]["containers"]
    return dict(container)


def test_operator_pod_is_restricted_and_has_a_read_only_root(rendered: Objects) -> None:
    assert violations(the(rendered, "Deployment")["spec"]["template"]["spec"]) == []
    assert operator_container(rendered)["securityContext"]["readOnlyRootFilesystem"] is True


def verbs_for(kind: Kind) -> set[str]:
    if not kind.writable:
        return SEEN
    return CHILD if kind in {*PRUNED, DEPLOYMENT} else CHILD - {"delete"}


def test_rights_are_those_of_the_kinds_that_the_operator_handles(rendered: Objects) -> None:
    wanted = {(kind.group, kind.plural): verbs_for(kind) for kind in (*CHILDREN, HEADLESS_CMS)}
    wanted |= {
        ("headlesscms.io", "headlesscmses/status"): {"patch"},
        ("headlesscms.io", "headlesscmses/finalizers"): {"update"},
        ("events.k8s.io", "events"): {"create"},
        ("apiextensions.k8s.io", "customresourcedefinitions"): SEEN,
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
        assert places == ["team-a", "team-b"]
    cluster_wide = verbs_by_resource(operator_role(chart.render()))
    del cluster_wide["apiextensions.k8s.io", "customresourcedefinitions"]
    for role in of_kind(objects, "Role"):
        assert verbs_by_resource(role) == cluster_wide


@pytest.mark.parametrize(
    ("suffix", "aggregate", "writes"), [("viewer", "view", False), ("editor", "edit", True)]
)
def test_people_get_their_rights_by_the_clusters_own_roles(
    rendered: Objects, suffix: str, aggregate: str, *, writes: bool
) -> None:
    role = next(
        role
        for role in of_kind(rendered, "ClusterRole")
        if role["metadata"]["name"].endswith(suffix)
    )
    assert (
        role["metadata"]["labels"][f"rbac.authorization.k8s.io/aggregate-to-{aggregate}"] == "true"
    )
    verbs = verbs_by_resource(role)
    assert ("patch" in verbs["headlesscms.io", "headlesscmses"]) is writes
    assert "patch" not in verbs.get(("headlesscms.io", "headlesscmses/status"), set())


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (
            {},
            Settings(operator_namespace=NAMESPACE, workers=8, log_level="info", log_format="json"),
        ),
        (
            {
                "watchNamespaces": ["team-a", "team-b"],
                "log": {"level": "debug", "format": "plain"},
                "workers": 3,
                "resyncSeconds": 60,
            },
            Settings(
                namespaces=("team-a", "team-b"),
                operator_namespace=NAMESPACE,
                log_level="debug",
                log_format="plain",
                workers=3,
                resync_seconds=60,
            ),
        ),
    ],
)
def test_values_reach_the_operators_settings(
    chart: Chart, values: dict[str, Any], expected: Settings
) -> None:
    environment = {
        variable["name"]: variable.get("value", NAMESPACE)
        for variable in operator_container(chart.render(values))["env"]
    }
    assert Settings.from_environment(environment) == expected


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ({}, "headlesscms-operator:0.1.0"),
        ({"repository": "registry.example/o", "tag": "2.0.0"}, "registry.example/o:2.0.0"),
        ({"tag": "2.0.0", "digest": DIGEST}, f"headlesscms-operator@{DIGEST}"),
    ],
)
def test_image_is_taken_by_version_tag_or_digest(
    chart: Chart, image: dict[str, str], expected: str
) -> None:
    assert operator_container(chart.render({"image": image}))["image"] == expected


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({"watchNamespace": "team-a"}, "watchNamespace"),
        ({"image": {"name": "x"}}, "name"),
        ({"image": {"digest": "latest"}}, "/image/digest"),
        ({"watchNamespaces": ["Team A"]}, "/watchNamespaces/0"),
        ({"workers": 0}, "/workers"),
        ({"resyncSeconds": "soon"}, "/resyncSeconds"),
        ({"log": {"level": "chatty"}}, "/log/level"),
        ({"networkPolicy": {"allowMetricsFrom": [{"podselector": {}}]}}, "podselector"),
    ],
)
def test_wrong_values_are_refused_by_name(
    chart: Chart, values: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(RefusedValuesError, match=complaint):
        chart.render(values)


def test_nobody_may_scrape_until_somebody_is_named(chart: Chart, rendered: Objects) -> None:
    assert the(rendered, "NetworkPolicy")["spec"]["ingress"] == []
    peer = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}
    policy = the(chart.render({"networkPolicy": {"allowMetricsFrom": [peer]}}), "NetworkPolicy")
    assert policy["spec"]["ingress"] == [{"from": [peer], "ports": [{"port": "health"}]}]


def test_crd_can_be_left_out_and_is_kept_on_removal_by_default(chart: Chart) -> None:
    keep = the(chart.render(), "CustomResourceDefinition")["metadata"]["annotations"]
    assert keep["helm.sh/resource-policy"] == "keep"
    unkept = the(chart.render({"crds": {"keep": False}}), "CustomResourceDefinition")
    assert "helm.sh/resource-policy" not in unkept["metadata"].get("annotations", {})
    without = chart.render({"crds": {"enabled": False}})
    assert of_kind(without, "CustomResourceDefinition") == []


def test_chart_and_project_have_one_version() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    meta = yaml.safe_load((CHARTS / "headlesscms-operator" / "Chart.yaml").read_text())
    assert meta["version"] == meta["appVersion"] == project["version"]
    assert (
        f"headlesscms-operator:{project['version']}" in meta["annotations"]["artifacthub.io/images"]
    )
