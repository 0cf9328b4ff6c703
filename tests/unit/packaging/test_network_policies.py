"""Who reaches whom, rule by rule, by an evaluation of the policies that are installed."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from cms_operator.api import parse
from cms_operator.resources.children import deployment, migration_job, network_policy
from tests.support.charts import NAMESPACE, RELEASE, REPOSITORY, Chart, Objects, of_kind, the
from tests.support.children import case
from tests.support.network import End, Network, Outside, Pod
from tests.support.specs import SOURCES, manifest

TEAM = "team-a"
MONITORING = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}
INTERNET = Outside("203.0.113.7")
NEIGHBOUR = Pod(TEAM, {"app": "shop-frontend"})
STRANGER = Pod("team-b", {"app": "anything"})
PROMETHEUS = Pod("monitoring", {"app": "prometheus"})


def labels_of(template: dict[str, Any]) -> dict[str, str]:
    return dict(template["metadata"]["labels"])


@pytest.fixture(scope="module")
def operator_chart(tools: Path) -> Chart:
    return Chart(tools / "helm", "headlesscms-operator")


@pytest.fixture(scope="module")
def datastores(tools: Path) -> Objects:
    return Chart(tools / "helm", "headlesscms-demo-datastores").render()


@pytest.fixture(scope="module")
def operator(operator_chart: Chart) -> Pod:
    template = the(operator_chart.render(), "Deployment")["spec"]["template"]
    return Pod(NAMESPACE, labels_of(template), {"health": 8080})


def cms_pods(namespace: str = TEAM) -> tuple[Pod, Pod]:
    """One that serves, and one that migrates."""
    found = case(manifest(namespace=namespace), SOURCES)
    pods = deployment.build(found.resource, found.revision, 1)["spec"]["template"]
    job = migration_job.build(found.resource, found.sources, "01234567")["spec"]["template"]
    ports = {port["name"]: port["containerPort"] for port in pods["spec"]["containers"][0]["ports"]}
    return Pod(namespace, labels_of(pods), ports), Pod(namespace, labels_of(job))


SERVING, MIGRATING = cms_pods()


def cms_policy(**settings: Any) -> dict[str, Any]:
    resource = parse(manifest({"networkPolicy": settings}, namespace=TEAM))
    built = network_policy.build(resource, NAMESPACE)
    assert built is not None
    return built


CMS_RULES: list[tuple[End | None, int, bool]] = [  # None: the operator
    (INTERNET, 3000, True),
    (STRANGER, 3000, True),
    (None, 3000, True),
    (None, 9000, True),
    (INTERNET, 9000, False),
    (NEIGHBOUR, 9000, False),
    (PROMETHEUS, 9000, False),
    (SERVING, 9000, False),
    (NEIGHBOUR, 22, False),
    (None, 22, False),
]


@pytest.mark.parametrize(("source", "port", "passes"), CMS_RULES)
def test_a_cms_serves_everybody_and_shows_its_admin_port_to_the_operator(
    operator_chart: Chart, operator: Pod, source: End | None, port: int, *, passes: bool
) -> None:
    policies = [cms_policy(), *of_kind(operator_chart.render(), "NetworkPolicy")]
    assert Network(policies).allows(source or operator, SERVING, port) is passes


def test_nobody_reaches_a_pod_that_migrates(operator: Pod) -> None:
    network = Network([cms_policy()])
    for source in (operator, NEIGHBOUR, STRANGER, INTERNET):
        assert not any(network.allows(source, MIGRATING, port) for port in (80, 3000, 9000))


def test_a_pod_elsewhere_that_calls_itself_the_operator_is_not_let_in(operator: Pod) -> None:
    impostor = Pod("team-b", operator.labels)
    assert not Network([cms_policy()]).allows(impostor, SERVING, 9000)


def test_only_those_who_are_named_get_in_where_some_are() -> None:
    ingress = Pod("ingress", {"app": "nginx"})
    named = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "ingress"}}}
    block = {"ipBlock": {"cidr": "203.0.113.0/24", "except": ["203.0.113.128/25"]}}
    network = Network(
        [cms_policy(allowHttpFrom=[named, block], allowMetricsFrom=[MONITORING])],
    )
    assert [network.allows(end, SERVING, 3000) for end in (ingress, INTERNET)] == [True, True]
    refused = (NEIGHBOUR, STRANGER, Outside("203.0.113.200"))
    assert not any(network.allows(end, SERVING, 3000) for end in refused)
    assert network.allows(PROMETHEUS, SERVING, 9000)
    assert not network.allows(PROMETHEUS, SERVING, 3000)
    assert not network.allows(ingress, SERVING, 9000)


OPERATOR_TALKS: list[tuple[tuple[End, int, str], bool]] = [
    ((Outside("10.96.0.1"), 443, "TCP"), True),
    ((Outside("192.0.2.10"), 6443, "TCP"), True),
    ((Outside("10.96.0.10"), 53, "UDP"), True),
    ((Outside("10.96.0.10"), 53, "TCP"), True),
    ((Outside("10.244.0.2"), 5353, "UDP"), True),
    ((Outside("10.244.0.2"), 5353, "TCP"), True),
    ((SERVING, 3000, "TCP"), True),
    ((SERVING, 9000, "TCP"), True),
    ((STRANGER, 80, "TCP"), False),
    ((NEIGHBOUR, 8080, "TCP"), False),
    ((PROMETHEUS, 9090, "TCP"), False),
    ((INTERNET, 80, "TCP"), False),
    ((Outside("169.254.169.254"), 80, "TCP"), False),
    ((Outside("10.0.0.5"), 5432, "TCP"), False),
]


@pytest.mark.parametrize(("talk", "passes"), OPERATOR_TALKS)
def test_the_operator_speaks_to_the_api_server_to_dns_and_to_the_pods_of_a_cms(
    operator_chart: Chart, operator: Pod, talk: tuple[End, int, str], *, passes: bool
) -> None:
    network = Network(of_kind(operator_chart.render(), "NetworkPolicy"))
    assert network.allows(operator, *talk) is passes


def test_the_api_server_can_be_named(operator_chart: Chart, operator: Pod) -> None:
    values = {"networkPolicy": {"apiServerBlocks": ["192.0.2.10/32"]}}
    network = Network(of_kind(operator_chart.render(values), "NetworkPolicy"))
    assert network.allows(operator, Outside("192.0.2.10"), 6443)
    assert not network.allows(operator, INTERNET, 443)
    assert network.allows(operator, INTERNET, 53, "UDP")


def test_the_operator_is_reached_by_those_who_may_scrape_it(
    operator_chart: Chart, operator: Pod
) -> None:
    closed = Network(of_kind(operator_chart.render(), "NetworkPolicy"))
    values = {"networkPolicy": {"allowMetricsFrom": [MONITORING]}}
    opened = Network(of_kind(operator_chart.render(values), "NetworkPolicy"))
    for end in (PROMETHEUS, NEIGHBOUR, SERVING, INTERNET):
        assert not closed.allows(end, operator, 8080)
        assert opened.allows(end, operator, 8080) is (end is PROMETHEUS)
    assert not opened.allows(PROMETHEUS, operator, 22)


def datastore(objects: Objects, kind: str) -> tuple[Pod, int]:
    template = the(objects, kind)["spec"]["template"]
    (port,) = template["spec"]["containers"][0]["ports"]
    number = port["containerPort"]
    return Pod(NAMESPACE, labels_of(template), {port["name"]: number}), number


@pytest.mark.parametrize("kind", ["StatefulSet", "Deployment"])
def test_a_datastore_is_reached_by_the_cms_pods_beside_it_alone(
    datastores: Objects, operator: Pod, kind: str
) -> None:
    network = Network(of_kind(datastores, "NetworkPolicy"))
    server, port = datastore(datastores, kind)
    for pod in cms_pods(NAMESPACE):
        assert network.allows(pod, server, port)
        assert not network.allows(pod, server, port + 1)
    other, _ = datastore(datastores, "Deployment" if kind == "StatefulSet" else "StatefulSet")
    beside = Pod(NAMESPACE, NEIGHBOUR.labels)
    for end in (SERVING, operator, NEIGHBOUR, INTERNET, other, beside):
        assert not network.allows(end, server, port)


def test_the_sample_that_sets_limits_reaches_the_datastores(datastores: Objects) -> None:
    job = yaml.safe_load((REPOSITORY / "config" / "samples" / "tenant-limits.yaml").read_text())
    pod = Pod(NAMESPACE, labels_of(job["spec"]["template"]))
    server, port = datastore(datastores, "StatefulSet")
    assert Network(of_kind(datastores, "NetworkPolicy")).allows(pod, server, port)


def test_by_the_sample_a_cms_asks_its_datastores_and_the_dns_alone(
    datastores: Objects, operator: Pod
) -> None:
    sample = yaml.safe_load((REPOSITORY / "config" / "samples" / "egress.yaml").read_text())
    sample["metadata"]["namespace"] = NAMESPACE
    network = Network([sample, *of_kind(datastores, "NetworkPolicy")])
    targets: list[tuple[End, int, str]] = [
        (*datastore(datastores, kind), "TCP") for kind in ("StatefulSet", "Deployment")
    ]
    targets += [(Outside("10.96.0.10"), 53, "UDP"), (Outside("10.244.0.2"), 5353, "UDP")]
    for pod in cms_pods(NAMESPACE):
        assert all(network.allows(pod, *target) for target in targets)
        assert not network.allows(pod, operator, 8080)
        assert not any(network.allows(pod, INTERNET, port) for port in (80, 443, 5432))


def test_a_datastore_asks_nobody_anything(datastores: Objects) -> None:
    network = Network(of_kind(datastores, "NetworkPolicy"))
    for kind in ("StatefulSet", "Deployment"):
        server, _ = datastore(datastores, kind)
        for target in (INTERNET, SERVING, Outside("10.96.0.10")):
            assert not any(network.allows(server, target, port) for port in (53, 80, 443))


def test_others_can_be_let_in_to_the_datastores(tools: Path) -> None:
    values = {"networkPolicy": {"allowFrom": [MONITORING]}}
    objects = Chart(tools / "helm", "headlesscms-demo-datastores").render(values)
    server, port = datastore(objects, "Deployment")
    assert Network(of_kind(objects, "NetworkPolicy")).allows(PROMETHEUS, server, port)
    names = {found["metadata"]["name"] for found in of_kind(objects, "NetworkPolicy")}
    assert names == {f"{RELEASE}-postgres", f"{RELEASE}-redis"}
