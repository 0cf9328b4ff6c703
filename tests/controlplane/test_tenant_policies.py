"""What the cluster's owner forbids in the chart's values, at the real API server."""

import json
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from cms_operator.cluster.kinds import HEADLESS_CMS
from localcluster.controlplane import ControlPlane
from tests.controlplane.api import MERGE, Api, RefusedError
from tests.controlplane.operator_process import chart
from tests.controlplane.team import Team, eventually
from tests.support.charts import CHARTS, Objects
from tests.support.specs import manifest

DIGEST = "@sha256:" + "a" * 64
REGISTRY = "registry.example/"
PROBE = "probe"
POLICIES: Mapping[str, Any] = {
    "images": [REGISTRY, "localhost:5000/cms/api"],
    "imageDigest": True,
    "maxReplicas": 5,
    "required": [
        "resources.limits.memory", "resources.limits.ephemeral-storage", "tenantLimits.entries",
    ],
    "serviceTypes": ["ClusterIP", "NodePort"],
    "domains": ["{namespace}.apps.example.com", "shared.example"],
    "forbidden": [
        "pod.tolerations", "pod.affinity.otherNamespaces", "pod.priorityClassName",
        "route.gateway.namespace", "rollout.analysis.measures.prometheus",
    ],
}  # fmt: skip
GOOD: dict[str, Any] = {
    "image": f"registry.example/team/cms:1.2.3{DIGEST}",
    "secretName": "source",
    "replicas": 2,
    "resources": {"limits": {"memory": "1Gi", "ephemeral-storage": "1Gi"}},
    "tenantLimits": {"entries": 100},
    "service": {"type": "ClusterIP"},
}
QUERY = {"name": "m", "prometheus": {"query": "up"}, "max": 1}
WEBHOOK = {"name": "m", "webhook": {"service": "judge"}}
_TERM = {"topologyKey": "zone", "labelSelector": {"matchLabels": {"app": "x"}}}


def _neighbours(**term: Any) -> dict[str, Any]:
    terms = {"requiredDuringSchedulingIgnoredDuringExecution": [{**_TERM, **term}]}
    return {"pod": {"affinity": {"podAntiAffinity": terms}}}


def _preferred(**term: Any) -> dict[str, Any]:
    weighed = [{"weight": 1, "podAffinityTerm": {**_TERM, **term}}]
    terms = {"preferredDuringSchedulingIgnoredDuringExecution": weighed}
    return {"pod": {"affinity": {"podAffinity": terms}}}


def _gateway(**gateway: Any) -> dict[str, Any]:
    return {"route": {"host": "shared.example", "gateway": {"name": "public", **gateway}}}


def _measure(measure: Any) -> dict[str, Any]:
    return {"rollout": {"analysis": {"measures": [measure]}}}


ALLOWED = [
    {},
    {"image": f"localhost:5000/cms/api{DIGEST}"},
    {"image": f"localhost:5000/cms/api:1{DIGEST}"},
    {"replicas": 0},
    {"replicas": 5, "autoscaling": {"maxReplicas": 5}},
    {"service": {"type": "NodePort"}},
    {"service": {}, "route": {"host": "shared.example", "ingress": {}}},
    {"route": {"host": "a.NAMESPACE.apps.example.com", "ingress": {}}},
    {"route": {"host": "*.NAMESPACE.apps.example.com", "ingress": {}}},
    {"pod": {"labels": {"a": "b"}}},
    _neighbours(),
    _preferred(),
    _gateway(),
    _measure(WEBHOOK),
]
REFUSED = [
    ({"image": f"evil.example/cms{DIGEST}"}, "spec.image is not from registry.example/ or"),
    ({"image": f"registry.example.evil.example/cms{DIGEST}"}, "spec.image is not from"),
    ({"image": f"registry.example:5000/cms{DIGEST}"}, "spec.image is not from"),
    ({"image": f"cms{DIGEST}"}, "spec.image is not from"),
    ({"image": f"localhost:5000/cms/api2{DIGEST}"}, "spec.image is not from"),
    ({"image": f"localhost:5000/cms/api/x{DIGEST}"}, "spec.image is not from"),
    ({"image": "registry.example/cms:1"}, "spec.image has no digest"),
    ({"replicas": 6}, "spec.replicas is above 5, the most in this cluster"),
    ({"autoscaling": {"maxReplicas": 6}}, "spec.autoscaling.maxReplicas is above 5"),
    ({"autoscaling": {}}, "spec.autoscaling.maxReplicas is above 5"),
    (
        {"resources": {"limits": {"cpu": 1, "ephemeral-storage": 1}}},
        "spec.resources.limits.memory is missing",
    ),
    ({"resources": {}}, "spec.resources.limits.ephemeral-storage is missing"),
    ({"tenantLimits": None}, "spec.tenantLimits.entries is missing"),
    ({"tenantLimits": {"users": 1}}, "spec.tenantLimits.entries is missing"),
    ({"service": None}, "spec.service.type is LoadBalancer, and this cluster allows ClusterIP and"),
    ({"service": {"type": "LoadBalancer"}}, "spec.service.type is LoadBalancer"),
    (
        {"route": {"host": "bank.example", "ingress": {}}},
        "spec.route.host is not in {namespace}.apps.example.com or shared.example",
    ),
    ({"route": {"host": "notshared.example", "ingress": {}}}, "spec.route.host is not in"),
    ({"route": {"host": "a.other.apps.example.com", "ingress": {}}}, "spec.route.host is not in"),
    ({"route": {"host": "*.apps.example.com", "ingress": {}}}, "spec.route.host is not in"),
    ({"pod": {"tolerations": [{"operator": "Exists"}]}}, "spec.pod.tolerations must not be set"),
    ({"pod": {"priorityClassName": "high"}}, "spec.pod.priorityClassName must not be set"),
    (_neighbours(namespaces=["other"]), "spec.pod.affinity.otherNamespaces must not be set"),
    (_preferred(namespaceSelector={}), "spec.pod.affinity.otherNamespaces must not be set"),
    (_gateway(namespace="gateways"), "spec.route.gateway.namespace must not be set"),
    (_measure(QUERY), "spec.rollout.analysis.measures.prometheus must not be set"),
]


def spec_of(changes: Mapping[str, Any], namespace: str) -> dict[str, Any]:
    found = {key: value for key, value in {**GOOD, **changes}.items() if value is not None}
    spec: dict[str, Any] = json.loads(json.dumps(found).replace("NAMESPACE", namespace))
    return spec


@contextmanager
def limits(control_plane: ControlPlane, api: Api, namespace: str) -> Iterator[None]:
    """The chart's policies, in one namespace, for others share the API server."""
    rendered = [_only_in(found, namespace) for found in _policies()]
    try:
        for found in rendered:
            control_plane.kubectl("apply", "-f", "-", stdin=json.dumps(found))
        asked = "spec.replicas is above"
        eventually(lambda: asked in said(api, namespace, {"replicas": 6}), "the policies are asked")
        eventually(lambda: asked in scaled(api, namespace, 6), "and that of the scale")
        yield
    finally:
        for found in rendered:
            control_plane.kubectl(
                "delete", "--ignore-not-found", "-f", "-", stdin=json.dumps(found)
            )


def _policies(values: Mapping[str, Any] = POLICIES) -> Objects:
    rendered = chart().render({"tenantPolicies": values})
    return [
        found
        for found in rendered
        if found["kind"].startswith("ValidatingAdmissionPolicy")
        and found["metadata"]["name"].endswith("limits")
    ]


def _only_in(found: dict[str, Any], namespace: str) -> dict[str, Any]:
    metadata = {**found["metadata"], "name": f"{found['metadata']['name']}-{namespace}"}
    spec = dict(found["spec"])
    if "policyName" in spec:
        selector = {"matchLabels": {"kubernetes.io/metadata.name": namespace}}
        spec["policyName"] = f"{spec['policyName']}-{namespace}"
        spec["matchResources"] = {"namespaceSelector": selector}
    return {**found, "metadata": metadata, "spec": spec}


def create(api: Api, namespace: str, changes: Mapping[str, Any]) -> None:
    """Raises RefusedError; nothing is stored."""
    asked = manifest(namespace=namespace, name="tried")
    asked["spec"] = spec_of(changes, namespace)
    path = f"{HEADLESS_CMS.path(namespace)}?dryRun=All&fieldValidation=Strict"
    api.request("POST", path, asked)


def said(api: Api, namespace: str, changes: Mapping[str, Any]) -> str:
    try:
        create(api, namespace, changes)
    except RefusedError as error:
        return str(error)
    return "created"


def scaled(api: Api, namespace: str, replicas: int) -> str:
    path = f"{HEADLESS_CMS.path(namespace, PROBE)}/scale?dryRun=All"
    try:
        api.request("PATCH", path, {"spec": {"replicas": replicas}}, MERGE)
    except RefusedError as error:
        return str(error)
    return "scaled"


@dataclass(frozen=True)
class Place:
    api: Api
    namespace: str


@pytest.fixture(scope="module")
def place(installed: ControlPlane, api: Api) -> Iterator[Place]:
    namespace = f"limited-{secrets.token_hex(3)}"
    api.request("POST", "/api/v1/namespaces", {"metadata": {"name": namespace}})
    probe = manifest(namespace=namespace, name=PROBE)
    probe["spec"] = {**spec_of({}, namespace), "suspend": True}
    api.request("POST", HEADLESS_CMS.path(namespace), probe)
    with limits(installed, api, namespace):
        yield Place(api, namespace)
    api.request("DELETE", HEADLESS_CMS.path(namespace, PROBE))
    api.request("DELETE", f"/api/v1/namespaces/{namespace}")


@pytest.mark.parametrize("changes", ALLOWED, ids=str)
def test_what_is_allowed_is_let_through(place: Place, changes: dict[str, Any]) -> None:
    create(place.api, place.namespace, changes)


@pytest.mark.parametrize(("changes", "words"), REFUSED, ids=str)
def test_what_is_forbidden_is_refused_by_its_name(
    place: Place, changes: dict[str, Any], words: str
) -> None:
    with pytest.raises(RefusedError) as refused:
        create(place.api, place.namespace, changes)
    assert refused.value.status == 403
    assert words in str(refused.value)


def test_every_field_that_the_values_can_name_makes_a_policy_that_compiles(
    control_plane: ControlPlane,
) -> None:
    schema = json.loads((CHARTS / "headlesscms-operator" / "values.schema.json").read_text())
    limited = schema["properties"]["tenantPolicies"]["properties"]
    values = {name: limited[name]["items"]["enum"] for name in ("forbidden", "required")}
    for found in _policies(values):
        control_plane.kubectl("apply", "--dry-run=server", "-f", "-", stdin=json.dumps(found))


def test_another_namespace_is_another_matter(place: Place) -> None:
    create(place.api, "default", {"replicas": 6})


def test_scaling_by_the_subresource_has_the_same_limit(place: Place) -> None:
    assert scaled(place.api, place.namespace, 5) == "scaled"
    assert "spec.replicas is above 5, the most" in scaled(place.api, place.namespace, 6)


OLD: Mapping[str, Any] = {
    "replicas": 7,
    "autoscaling": {"minReplicas": 1, "maxReplicas": 8},
    "pod": {"tolerations": [{"operator": "Exists"}]},
}
STILL_REFUSED: list[tuple[Any, str, str]] = [
    ({"replicas": 7}, "scale", r"spec\.replicas is above 5"),
    ({"image": "evil.example/cms:1"}, "", r"spec\.image is not from"),
    (
        {"pod": {"tolerations": [{"key": "a", "operator": "Exists"}]}},
        "",
        r"tolerations must not be",
    ),
]


def test_what_was_there_before_can_be_worked_with(
    team: Team, control_plane: ControlPlane, api: Api
) -> None:
    """The operator writes its status, people annotate, scale down and delete it."""
    team.make(**OLD)
    team.wait_until_ready()
    before = team.revision()
    probe = manifest(name=PROBE, namespace=team.namespace)
    team.apply({**probe, "spec": {**spec_of({}, team.namespace), "suspend": True}})
    place = team.audit.now()
    with limits(control_plane, api, team.namespace):
        team.patch("headlesscms", "shop", {"metadata": {"annotations": {"note": "still mine"}}})
        team.patch("headlesscms", "shop", {"metadata": {"finalizers": ["example.com/hold"]}})
        team.patch("headlesscms", "shop", {"spec": {"logLevel": "debug"}})
        eventually(lambda: team.revision() != before, "a change of something else is released")
        team.wait_until_ready()
        team.patch("headlesscms", "shop", {"spec": {"replicas": 6}}, "scale")
        eventually(lambda: len(team.pods()) == 6, "fewer pods, though still too many")
        for change, subresource, words in STILL_REFUSED:
            with pytest.raises(RefusedError, match=words):
                team.patch("headlesscms", "shop", {"spec": change}, subresource)
        team.patch("headlesscms", "shop", {"spec": {"pod": {"tolerations": None}}})
        team.delete("headlesscms", "shop")
        team.patch("headlesscms", "shop", {"metadata": {"finalizers": None}})
        eventually(lambda: team.get("headlesscms", "shop") is None, "it goes")
    refused = [found for found in team.audit.since(place) if found.status == 403]
    assert refused == [], "the operator's own"
