"""The operator's chart gives it what it needs, and no more."""

import json
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml

from cms_operator import VERSION
from cms_operator.api.status import Verb
from cms_operator.cluster.kinds import CHILDREN, DEPLOYMENT, ENDPOINT_SLICE, HEADLESS_CMS, Kind
from cms_operator.cluster.lease import LEASE
from cms_operator.settings import LeaseSettings, PrometheusSettings, Settings, TracingSettings
from cms_operator.steps.children import PRUNED
from tests.support.charts import (
    CHARTS,
    NAMESPACE,
    REPOSITORY,
    STAMPING,
    Chart,
    Objects,
    RefusedValuesError,
    of_kind,
    the,
)
from tests.support.pod_security import violations
from tests.unit.security.fields import leaves

SEEN = {"list", "watch"}
CHILD = SEEN | {"get", "create", "patch", "delete"}
# The operator deletes none of these: they go with their owner.
DIGEST = "sha256:" + "a" * 64
ELECTED = LeaseSettings(elected=True, name="r-headlesscms-operator")
SECURED = {
    "url": "https://prometheus.monitoring:9090/tenants",
    "tokenSecret": {"name": "monitoring-reader", "key": "bearer"},
    "caConfigMap": {"name": "monitoring-ca"},
}


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


def test_a_priority_level_is_the_operators_own(chart: Chart) -> None:
    kinds = ("PriorityLevelConfiguration", "FlowSchema")
    assert not any(of_kind(chart.render(), kind) for kind in kinds)
    objects = chart.render({"priorityLevel": {"enabled": True, "shares": 40}})
    level, flow = (the(objects, kind) for kind in kinds)
    assert level["spec"]["limited"]["nominalConcurrencyShares"] == 40
    assert flow["spec"]["priorityLevelConfiguration"]["name"] == level["metadata"]["name"]
    (rule,) = flow["spec"]["rules"]
    account = the(objects, "ServiceAccount")["metadata"]["name"]
    (subject,) = rule["subjects"]
    assert subject["serviceAccount"] == {"name": account, "namespace": NAMESPACE}
    namespaced = chart.render({"priorityLevel": {"enabled": True}, "watchNamespaces": ["team-a"]})
    assert not any(of_kind(namespaced, kind) for kind in kinds)


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
        [ELECTED.name],
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


def test_two_replicas_are_spread_and_one_of_them_stays_in_a_drain(rendered: Objects) -> None:
    deployment = the(rendered, "Deployment")["spec"]
    assert deployment["replicas"] == 2
    assert deployment["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
    selected = deployment["selector"]["matchLabels"]
    budget = the(rendered, "PodDisruptionBudget")["spec"]
    assert (budget["maxUnavailable"], budget["selector"]["matchLabels"]) == (1, selected)
    for spread in deployment["template"]["spec"]["topologySpreadConstraints"]:
        assert spread["whenUnsatisfiable"] == "ScheduleAnyway", "one node is enough"
        assert spread["labelSelector"]["matchLabels"] == selected


def test_one_replica_can_be_drained(chart: Chart) -> None:
    assert of_kind(chart.render({"replicas": 1}), "PodDisruptionBudget") == []


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
    granted = verbs_by_resource(manager)["headlesscms.io", "headlesscmses"]
    assert granted == verbs | {"get", "list", "watch", "patch"}
    asking = (manager, role_named(rendered, "-admin"))
    others = [role for role in of_kind(rendered, "ClusterRole") if role not in asking]
    assert not any(verbs & set(rule["verbs"]) for role in others for rule in role["rules"])


@pytest.mark.parametrize(
    ("values", "served", "kinds"),
    [
        ({}, [], {"Validating"}),
        ({}, [STAMPING], {"Validating", "Mutating"}),
        ({"requestPolicies": {"stamp": "always"}}, [], {"Validating", "Mutating"}),
        ({"requestPolicies": {"stamp": "never"}}, [STAMPING], {"Validating"}),
        ({"requestPolicies": {"enabled": False}}, [STAMPING], set()),
        ({"watchNamespaces": ["team-a"]}, [STAMPING], set()),
    ],
)
def test_requests_are_guarded_and_stamped_where_the_cluster_can(
    chart: Chart, values: dict[str, Any], served: list[str], kinds: set[str]
) -> None:
    objects = chart.render(values, served)
    found = {found["kind"] for found in objects if "AdmissionPolicy" in found["kind"]}
    assert found == {f"{kind}AdmissionPolicy{end}" for kind in kinds for end in ("", "Binding")}
    (told,) = (
        variable["value"]
        for variable in operator_container(objects)["env"]
        if variable["name"] == "HCMS_REQUESTS_STAMPED"
    )
    assert told == ("true" if kinds else "false")


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (
            {},
            Settings(
                operator_namespace=NAMESPACE,
                workers=16,
                log_level="info",
                log_format="json",
                requests_stamped=True,
                lease=ELECTED,
            ),
        ),
        (
            {
                "watchNamespaces": ["team-a", "team-b"],
                "log": {"level": "debug", "format": "plain"},
                "workers": 3,
                "leaseSeconds": 30,
                "resyncSeconds": 60,
                "resyncWorkers": 1,
                "requestsPerSecond": 50,
            },
            Settings(
                namespaces=("team-a", "team-b"),
                operator_namespace=NAMESPACE,
                log_level="debug",
                log_format="plain",
                workers=3,
                resync_seconds=60,
                resync_workers=1,
                requests_per_second=50,
                lease=replace(ELECTED, seconds=30),
            ),
        ),
        (
            {"metrics": {"authenticated": True}},
            Settings(
                operator_namespace=NAMESPACE,
                requests_stamped=True,
                lease=ELECTED,
                metrics_authenticated=True,
            ),
        ),
        (
            {"prometheus": SECURED},
            Settings(
                operator_namespace=NAMESPACE,
                requests_stamped=True,
                lease=ELECTED,
                prometheus=PrometheusSettings(
                    "https://prometheus.monitoring:9090/tenants",
                    "/etc/headlesscms-operator/prometheus-token/token",
                    "/etc/headlesscms-operator/prometheus-ca/ca.crt",
                ),
            ),
        ),
        (
            {"tracing": {"endpoint": "http://collector.monitoring:4318", "ratio": 0.5}},
            Settings(
                operator_namespace=NAMESPACE,
                requests_stamped=True,
                lease=ELECTED,
                tracing=TracingSettings("http://collector.monitoring:4318/v1/traces", 0.5),
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
        ({"replicas": "two"}, "/replicas"),
        ({"leaseSeconds": 2}, "/leaseSeconds"),
        ({"resyncSeconds": "soon"}, "/resyncSeconds"),
        ({"log": {"level": "chatty"}}, "/log/level"),
        ({"requestPolicies": {"stamp": "sometimes"}}, "/requestPolicies/stamp"),
        ({"tenantPolicies": {"images": ["registry.example"]}}, "/tenantPolicies/images/0"),
        ({"tenantPolicies": {"images": ["a/'] || true || ['"]}}, "/tenantPolicies/images/0"),
        ({"tenantPolicies": {"domains": [".example.com"]}}, "/tenantPolicies/domains/0"),
        ({"tenantPolicies": {"domains": ["a' + 'b"]}}, "/tenantPolicies/domains/0"),
        ({"tenantPolicies": {"maxReplicas": -1}}, "/tenantPolicies/maxReplicas"),
        ({"tenantPolicies": {"forbidden": ["pod.colour"]}}, "/tenantPolicies/forbidden/0"),
        (
            {"watchNamespaces": ["team-a"], "metrics": {"authenticated": True}},
            "metrics.authenticated needs rights in the whole cluster",
        ),
        (
            {"watchNamespaces": ["team-a"], "tenantPolicies": {"maxReplicas": 5}},
            "tenantPolicies are admission policies of the whole cluster",
        ),
        ({"networkPolicy": {"allowMetricsFrom": [{"podselector": {}}]}}, "podselector"),
        ({"networkPolicy": {"allowMeasuresTo": [{"ports": []}]}}, "allowMeasuresTo/0"),
        ({"networkPolicy": {"allowMeasuresTo": [{"to": []}]}}, "allowMeasuresTo/0/to"),
        ({"networkPolicy": {"allowTracesTo": [{"to": []}]}}, "allowTracesTo/0/to"),
        ({"tracing": {"endpoint": "http://me:key@collector"}}, "/tracing/endpoint"),
        ({"tracing": {"ratio": 2}}, "/tracing/ratio"),
        ({"prometheus": {"url": "prometheus:9090"}}, "/prometheus/url"),
        ({"prometheus": {"url": "https://me:secret@prometheus"}}, "/prometheus/url"),
        ({"prometheus": {"tokenSecret": "token"}}, "/prometheus/tokenSecret"),
        ({"prometheus": {"tokenSecret": {"name": "token"}}}, "/prometheus/url"),
        ({"prometheus": {**SECURED, "url": "http://prometheus:9090"}}, "/prometheus/url"),
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


def test_token_and_ca_of_prometheus_are_files_and_nothing_else_is_mounted(
    chart: Chart, rendered: Objects
) -> None:
    assert "volumes" not in the(rendered, "Deployment")["spec"]["template"]["spec"]
    objects = chart.render({"prometheus": SECURED})
    pod = the(objects, "Deployment")["spec"]["template"]["spec"]
    assert violations(pod) == []
    token, ca = pod["volumes"]
    assert token["secret"] == {
        "secretName": "monitoring-reader",
        "items": [{"key": "bearer", "path": "token"}],
    }
    assert ca["configMap"] == {
        "name": "monitoring-ca",
        "items": [{"key": "ca.crt", "path": "ca.crt"}],
    }
    mounts = operator_container(objects)["volumeMounts"]
    assert [(mount["name"], mount["readOnly"]) for mount in mounts] == [
        (token["name"], True),
        (ca["name"], True),
    ]
    files = [variable["value"] for variable in operator_container(objects)["env"][-2:]]
    assert files == [
        f"{mounts[0]['mountPath']}/token",
        f"{mounts[1]['mountPath']}/ca.crt",
    ]


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


@pytest.mark.parametrize("authenticated", [True, False])
def test_prometheus_sends_its_token_where_one_is_asked_for(
    chart: Chart, *, authenticated: bool
) -> None:
    monitor = {"monitoring": {"serviceMonitor": {"enabled": True}}}
    objects = chart.render({**monitor, "metrics": {"authenticated": authenticated}})
    (endpoint,) = the(objects, "ServiceMonitor")["spec"]["endpoints"]
    assert ("bearerTokenFile" in endpoint) is authenticated


@pytest.mark.parametrize("field", ["allowMeasuresTo", "allowTracesTo"])
def test_measures_and_traces_go_where_somebody_allows_it(
    chart: Chart, rendered: Objects, field: str
) -> None:
    rule = {
        "to": [{"namespaceSelector": {"matchLabels": {"team": "a"}}}],
        "ports": [{"port": 9090}],
    }
    values = {"networkPolicy": {field: [rule]}}
    before = the(rendered, "NetworkPolicy")["spec"]["egress"]
    assert the(chart.render(values), "NetworkPolicy")["spec"]["egress"] == [*before, rule]


def test_nothing_is_forbidden_until_it_stands_in_the_values(
    chart: Chart, rendered: Objects
) -> None:
    def names(objects: Objects) -> set[str]:
        return {
            found["metadata"]["name"]
            for found in of_kind(objects, "ValidatingAdmissionPolicy")
            if found["metadata"]["name"].endswith("limits")
        }

    assert names(rendered) == set()
    assert len(names(chart.render({"tenantPolicies": {"imageDigest": True}}))) == 1
    assert len(names(chart.render({"tenantPolicies": {"maxReplicas": 5}}))) == 2
    exempt = chart.render({"tenantPolicies": {"maxReplicas": 5, "exemptNamespaces": ["ours"]}})
    selectors = [
        found["spec"]["matchResources"]["namespaceSelector"]["matchExpressions"]
        for found in of_kind(exempt, "ValidatingAdmissionPolicyBinding")
        if "matchResources" in found["spec"]
    ]
    name = {"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": ["ours"]}
    assert selectors == [[name], [name]]


def test_what_can_be_forbidden_and_demanded_are_fields_of_the_resource() -> None:
    schema = json.loads((CHARTS / "headlesscms-operator" / "values.schema.json").read_text())
    limits = schema["properties"]["tenantPolicies"]["properties"]
    steps = [path.replace("[]", "").replace("{}", "").split(".") for path in leaves()]
    groups = {".".join(path[:length]) for path in steps for length in range(1, len(path) + 1)}
    named = {*limits["forbidden"]["items"]["enum"], *limits["required"]["items"]["enum"]}
    assert named - groups == {"pod.affinity.otherNamespaces"}, "one that stands for several"


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
    assert meta["version"] == meta["appVersion"] == project["version"] == VERSION
    assert (
        f"headlesscms-operator:{project['version']}" in meta["annotations"]["artifacthub.io/images"]
    )
