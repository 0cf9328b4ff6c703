"""What the chart brings for Prometheus and Grafana: nothing, until somebody asks for it."""

import json
import re
from typing import Any

import pytest
import yaml

from cms_operator.api import parse
from cms_operator.resources import labels
from cms_service.core.telemetry.metrics import Metrics
from cms_service.core.telemetry.request_metrics import MAX_TENANTS
from tests.support import exported
from tests.support.charts import Chart, Objects, RefusedValuesError, of_kind, the
from tests.support.monitoring import DASHBOARDS, RULE_FILES, alerts, rules
from tests.support.specs import manifest

KINDS = {"ServiceMonitor", "PodMonitor", "PrometheusRule", "ConfigMap"}


@pytest.fixture(scope="module")
def chart(tools: Any) -> Chart:
    return Chart(tools / "helm", "headlesscms-operator")


def rendered(chart: Chart, part: str, **values: Any) -> Objects:
    return chart.render({"monitoring": {part: {"enabled": True, **values}}})


def test_a_cluster_without_prometheus_gets_none_of_its_kinds(chart: Chart) -> None:
    assert not KINDS & {found["kind"] for found in chart.render()}


@pytest.mark.parametrize("part", ["serviceMonitor", "podMonitor", "prometheusRule"])
def test_prometheus_selects_by_the_labels_that_are_asked_for(chart: Chart, part: str) -> None:
    kind = part[0].upper() + part[1:]
    found = of_kind(rendered(chart, part, labels={"release": "prometheus"}), kind)
    assert found
    assert {each["metadata"]["labels"]["release"] for each in found} == {"prometheus"}


def test_the_operators_service_is_scraped_with_the_labels_of_its_series(chart: Chart) -> None:
    objects = rendered(chart, "serviceMonitor", interval="15s")
    service, monitor = the(objects, "Service"), the(objects, "ServiceMonitor")["spec"]
    assert monitor["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    (endpoint,) = monitor["endpoints"]
    assert endpoint == {"port": "metrics", "honorLabels": True, "interval": "15s"}
    assert endpoint["port"] in {port["name"] for port in service["spec"]["ports"]}


@pytest.mark.parametrize(
    ("namespaces", "selector"), [([], {"any": True}), (["team-a"], {"matchNames": ["team-a"]})]
)
def test_pods_of_every_served_namespace_are_scraped(
    chart: Chart, namespaces: list[str], selector: dict[str, Any]
) -> None:
    values = {"watchNamespaces": namespaces, "monitoring": {"podMonitor": {"enabled": True}}}
    monitor = the(chart.render(values), "PodMonitor")["spec"]
    assert monitor["namespaceSelector"] == selector
    wanted = monitor["selector"]["matchLabels"]
    own = labels.of(parse(manifest()))
    assert wanted.items() <= own.items()
    (endpoint,) = monitor["podMetricsEndpoints"]
    (relabeling,) = endpoint["relabelings"]
    label = relabeling["sourceLabels"][0].removeprefix("__meta_kubernetes_pod_label_")
    assert label == labels.INSTANCE.translate(str.maketrans("./-", "___"))


def test_of_a_pod_no_series_is_taken_that_only_the_operator_has(chart: Chart) -> None:
    """Else any tenant's pod could keep an alert about the operator from firing."""
    monitor = the(rendered(chart, "podMonitor"), "PodMonitor")["spec"]
    ((rule,),) = [found["metricRelabelings"] for found in monitor["podMetricsEndpoints"]]
    assert (rule["action"], rule["sourceLabels"]) == ("keep", ["__name__"])
    kept = {name for name in exported.own() if re.fullmatch(rule["regex"], name)}
    assert kept == exported.of_pods().keys()
    asked = {name for rule in rules() for name in re.findall(r"\bhcms_operator\w+", rule["expr"])}
    assert asked
    assert not [name for name in asked if re.fullmatch(rule["regex"], name)]


def test_a_page_of_the_largest_cms_is_taken_and_no_larger_one(chart: Chart) -> None:
    monitor = the(rendered(chart, "podMonitor"), "PodMonitor")["spec"]
    metrics = Metrics("a1b2c3d4e5")
    for number in range(2 * MAX_TENANTS):
        for status in (200, 404, 503):
            metrics.requests.observe_tenant(f"{number:04}-{'x' * 58}", status)
    for number in range(150):
        for status in (200, 400, 404, 422, 503):
            route = f"/v1/{'{some}/parts/' * 5}{number}"
            metrics.requests.observe("GET", route, status, 0.1)
    page = metrics.render(()).decode()
    samples = [line for line in page.splitlines() if not line.startswith("#")]
    assert len(samples) < monitor["sampleLimit"]
    assert len(page) < 8_000_000
    assert monitor["bodySizeLimit"] == "8MB"
    assert {"labelLimit", "labelNameLengthLimit", "labelValueLengthLimit"} <= monitor.keys()


def test_the_rules_are_those_of_the_files(chart: Chart) -> None:
    found = of_kind(rendered(chart, "prometheusRule"), "PrometheusRule")
    assert [each["spec"] for each in found] == [
        yaml.safe_load(path.read_text()) for path in RULE_FILES
    ]


def test_a_release_tells_of_its_own_absence_whatever_others_run(chart: Chart) -> None:
    monitoring = {"serviceMonitor": {"enabled": True}, "prometheusRule": {"enabled": True}}
    objects = chart.render({"monitoring": monitoring})
    service = the(objects, "Service")["metadata"]
    asked = f'{{namespace="{service["namespace"]}", job="{service["name"]}"}}'
    assert expressions(objects)["HeadlessCMSOperatorAbsent"] == (
        f"absent(hcms_operator_build_info{asked})"
    )


def test_one_release_of_several_records_what_all_of_them_share(chart: Chart) -> None:
    names = [path.stem for path in RULE_FILES]
    assert names == ["operator", "service-levels", "tenants"]
    (alone,) = of_kind(rendered(chart, "prometheusRule", fleet=False), "PrometheusRule")
    assert alone["metadata"]["name"].endswith("-operator")


def expressions(objects: Objects) -> dict[str, str]:
    return {
        rule["alert"]: rule["expr"]
        for found in of_kind(objects, "PrometheusRule")
        for group in found["spec"]["groups"]
        for rule in group["rules"]
        if "alert" in rule
    }


def test_the_pages_can_be_those_of_somebody_else(chart: Chart) -> None:
    address = "https://wiki.example/cms/"
    objects = rendered(chart, "prometheusRule", runbooks=address)
    urls = {
        rule["annotations"]["runbook_url"]
        for found in of_kind(objects, "PrometheusRule")
        for group in found["spec"]["groups"]
        for rule in group["rules"]
        if "alert" in rule
    }
    assert urls == {f"{address}{name}.md" for name in alerts()}


def test_grafanas_sidecar_finds_each_dashboard(chart: Chart) -> None:
    found = of_kind(rendered(chart, "dashboards"), "ConfigMap")
    assert len({each["metadata"]["name"] for each in found}) == len(DASHBOARDS) == 3
    for each, path in zip(found, DASHBOARDS, strict=True):
        assert each["metadata"]["labels"]["grafana_dashboard"] == "1"
        assert {name: json.loads(text) for name, text in each["data"].items()} == {
            path.name: json.loads(path.read_text())
        }


def test_dashboards_need_no_label_where_they_are_found_by_their_folder(chart: Chart) -> None:
    found = of_kind(rendered(chart, "dashboards", labels={"grafana_dashboard": None}), "ConfigMap")
    assert len(found) == len(DASHBOARDS)
    assert not [each for each in found if "grafana_dashboard" in each["metadata"]["labels"]]


@pytest.mark.parametrize(
    ("monitoring", "complaint"),
    [
        ({"serviceMonitors": {}}, "serviceMonitors"),
        ({"serviceMonitor": {"interval": "often"}}, "/monitoring/serviceMonitor/interval"),
        ({"prometheusRule": {"runbooks": "wiki.example"}}, "/monitoring/prometheusRule/runbooks"),
        ({"dashboards": {"enabled": "yes"}}, "/monitoring/dashboards/enabled"),
    ],
)
def test_wrong_values_are_refused_by_name(
    chart: Chart, monitoring: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(RefusedValuesError, match=complaint):
        chart.render({"monitoring": monitoring})
