"""The operator's chart gives it what it needs, and no more."""

import json
import re
import tomllib
from dataclasses import replace
from typing import Any

import pytest
import yaml

import cms_service
from cms_operator import VERSION
from cms_operator.settings import LeaseSettings, PrometheusSettings, Settings, TracingSettings
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
from tests.support.pages import PAGES
from tests.support.pod_security import violations
from tests.unit.security.fields import leaves

DIGEST = "sha256:" + "a" * 64
ELECTED = LeaseSettings(elected=True, name="r-headlesscms-operator")
SECURED = {
    "url": "https://prometheus.monitoring:9090/tenants",
    "tokenSecret": {"name": "monitoring-reader", "key": "bearer"},
    "caConfigMap": {"name": "monitoring-ca"},
}

TRACED = {
    "endpoint": "https://collector.example",
    "headersSecret": {"name": "collector"},
    "caConfigMap": {"name": "collector-ca", "key": "root.pem"},
}


def operator_container(objects: Objects) -> dict[str, Any]:
    (container,) = the(objects, "Deployment")["spec"]["template"]["spec"]["containers"]
    return dict(container)


def test_operator_pod_is_restricted_and_has_a_read_only_root(rendered: Objects) -> None:
    assert violations(the(rendered, "Deployment")["spec"]["template"]["spec"]) == []
    assert operator_container(rendered)["securityContext"]["readOnlyRootFilesystem"] is True


def test_the_user_is_the_images_own_or_the_one_that_the_cluster_gives(rendered: Objects) -> None:
    """OpenShift gives each namespace a range, and refuses a pod that names another user."""
    pod = the(rendered, "Deployment")["spec"]["template"]["spec"]
    contexts = [pod["securityContext"], operator_container(rendered)["securityContext"]]
    named = {"runAsUser", "runAsGroup", "fsGroup"}
    assert [named & context.keys() for context in contexts] == [set(), set()]
    assert contexts[0]["runAsNonRoot"] is True


def test_labels_of_the_pod_do_not_take_the_place_of_the_charts(chart: Chart) -> None:
    labels = {"app.kubernetes.io/name": "mine", "team": "a"}
    deployment = the(chart.render({"pod": {"labels": labels}}), "Deployment")["spec"]
    found = deployment["template"]["metadata"]["labels"]
    assert deployment["selector"]["matchLabels"].items() <= found.items()
    assert found["team"] == "a"


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
        ({"tracing": {**TRACED, "endpoint": "http://collector:4318"}}, "/tracing/endpoint"),
        ({"tracing": {"headersSecret": {"name": "collector"}}}, "/tracing/endpoint"),
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


def test_a_collector_gets_its_token_and_is_known_by_its_authority(chart: Chart) -> None:
    objects = chart.render({"tracing": TRACED, "prometheus": SECURED})
    pod = the(objects, "Deployment")["spec"]["template"]["spec"]
    assert violations(pod) == []
    container = operator_container(objects)
    environment = {variable["name"]: variable for variable in container["env"]}
    assert environment["OTEL_EXPORTER_OTLP_HEADERS"]["valueFrom"] == {
        "secretKeyRef": {"name": "collector", "key": "headers"}
    }
    (mount,) = (found for found in container["volumeMounts"] if found["name"] == "tracing-ca")
    file = environment["OTEL_EXPORTER_OTLP_CERTIFICATE"]["value"]
    assert (file, mount["readOnly"]) == (f"{mount['mountPath']}/ca.crt", True)
    (volume,) = (found for found in pod["volumes"] if found["name"] == mount["name"])
    assert volume["configMap"] == {
        "name": "collector-ca",
        "items": [{"key": "root.pem", "path": "ca.crt"}],
    }


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


def test_charts_programs_and_project_have_one_version() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    meta = yaml.safe_load((CHARTS / "headlesscms-operator" / "Chart.yaml").read_text())
    assert meta["version"] == meta["appVersion"] == project["version"]
    assert VERSION == cms_service.VERSION == project["version"]
    assert (
        f"headlesscms-operator:{project['version']}" in meta["annotations"]["artifacthub.io/images"]
    )


def test_the_objects_that_the_pages_name_are_made(chart: Chart) -> None:
    made = chart.render({"metrics": {"authenticated": True}})
    names = {found["metadata"]["name"].removeprefix("r-") for found in made}
    for page in PAGES:
        named = set(re.findall(r"`(headlesscms-operator-[a-z-]+)`", page.read_text()))
        assert named <= names, page.name
