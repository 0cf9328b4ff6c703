"""A revision is named by what was asked for: the same wish, the same pods."""

from collections.abc import Mapping
from typing import Any

import pytest
from pydantic import create_model

from cms_operator.api.model import Model
from cms_operator.resources.children import controller_revision, deployment
from cms_operator.resources.revision import (
    Revision,
    build_revision,
    hash_of,
    name_of,
    normalised_inputs,
    spec_hash,
)
from tests.support.children import Case, case, load
from tests.support.specs import SOURCES, manifest
from tests.unit.resources.golden import FOLDER
from tests.unit.security import fields
from tests.unit.security.variants import variant

# A hash that changes restarts every pod of every user at an upgrade of the operator.
GOLDEN_HASHES = {
    "minimal": "4dcb304f6d",
    "full": "1bc1f35a0b",
    "gateway": "222e7f2405",
    "tls": "5588598bcb",
}


def revision(changes: Mapping[str, Any] | None = None) -> Revision:
    return case(manifest(changes), SOURCES).revision


def from_secret(**keys: str) -> Revision:
    values = {key.replace("_", "-"): text for key, text in keys.items()}
    return case(manifest(), {"shop-cms": {**SOURCES["shop-cms"], **values}}).revision


@pytest.mark.parametrize(("name", "expected"), GOLDEN_HASHES.items())
def test_an_upgrade_of_the_operator_restarts_no_pod(name: str, expected: str) -> None:
    assert load(FOLDER / name / "input.yaml").revision.hash == expected


NEW_REVISION: list[dict[str, Any]] = [
    {"image": "registry.example/cms:1.2.4"},
    {"imagePullPolicy": "Always"},
    {"imagePullSecrets": [{"name": "regcred"}]},
    {"ports": {"http": 3001}},
    {"resources": {"limits": {"memory": "1Gi"}}},
    {"resources": {"limits": {}}},
    {"probes": {"liveness": {"periodSeconds": 11}}},
    {"pod": {"labels": {"team": "a"}}},
    {"pod": {"env": [{"name": "A", "value": "1"}]}},
    {"pod": {"volumes": [{"name": "a", "emptyDir": {}}]}},
    {"pod": {"topologySpreadConstraints": []}},
    {"pod": {"serviceAccountName": "identity"}},
    {"auth": {"accessTokenSeconds": 600}},
    {"logLevel": "debug"},
    {"trustedProxies": ["10.0.0.0/8"]},
    {"database": {"poolSize": 5}},
    {"redis": {"mode": "sentinel", "sentinelMaster": "mymaster"}},
    {"database": {"ca": {"configMapKeyRef": {"name": "trust", "key": "ca.crt"}}}},
    {"database": {"ca": {"configMapKeyRef": {"name": "trust", "key": "other.crt"}}}},
    {"migration": {"enabled": False}},  # the pods log in as the URL's own role then
]
SAME_REVISION = [
    {"replicas": 7},
    {"autoscaling": {}},
    {"service": {"port": 8080, "type": "ClusterIP"}},
    {"podDisruptionBudget": {"minAvailable": 1}},
    {"networkPolicy": {"enabled": False}},
    {"tenants": [{"name": "acme", "ownerEmail": "a@b.c"}]},
    {"tenantLimits": {"entries": 5}},
    {"migration": {"timeoutSeconds": 60}},
    {"rollout": {"minReadySeconds": 5, "revisionHistoryLimit": 2}},
    {"suspend": True},
    # Another way to say the default.
    {"imagePullPolicy": "IfNotPresent", "logLevel": "info", "ports": {"http": 3000}},
    {"resources": {"requests": {"cpu": "0.25", "memory": "262144Ki"}}},
    {"probes": {"liveness": {"periodSeconds": 10}}},
    {"database": {"poolSize": 20}},
    {"pod": {"env": [], "labels": {}}},
    {"trustedProxies": [], "tenantLimits": {}},
]


@pytest.mark.parametrize("changes", NEW_REVISION, ids=str)
def test_what_pods_are_made_of_makes_a_new_revision(changes: dict[str, Any]) -> None:
    assert revision(changes).hash != revision().hash


def test_every_new_revision_is_another_one() -> None:
    hashes = {revision(changes).hash for changes in NEW_REVISION}
    assert len(hashes) == len(NEW_REVISION)


@pytest.mark.parametrize("changes", SAME_REVISION, ids=str)
def test_everything_else_leaves_the_pods_alone(changes: dict[str, Any]) -> None:
    assert revision(changes) == revision()


def _of_pods(found: Case) -> object:
    """All that a pod is made of, but for what it is told without a reason for a new one."""
    config = {key: text for key, text in found.revision.config.items() if key != "HCMS_ROUTE_HOST"}
    return config, found.revision.template


@pytest.mark.parametrize("path", sorted(fields.leaves()))
def test_no_field_changes_the_pods_and_leaves_the_revision_its_name(path: str) -> None:
    before, after = variant(path)
    if before.revision.hash == after.revision.hash:
        assert _of_pods(before) == _of_pods(after), "name the field in revision.py"


TWO = [{"name": name, "ownerEmail": f"owner@{name}.example"} for name in ("acme", "globex")]


@pytest.mark.parametrize(
    ("host", "tenants", "told"),
    [
        ("cms.example.com", [], "cms.example.com"),
        ("cms.example.com", TWO, "cms.example.com"),
        ("cms.example.com", TWO[:1], None),  # may be that tenant's own
        ("*.example.com", TWO, None),  # is there for the names of tenants
    ],
)
def test_the_host_of_the_route_is_told_to_new_pods_and_is_no_reason_for_any(
    host: str, tenants: list[dict[str, str]], told: str | None
) -> None:
    found = revision({"route": {"host": host, "ingress": {}}, "tenants": tenants})
    assert (found.hash, found.inputs) == (revision().hash, revision().inputs)
    assert found.config.get("HCMS_ROUTE_HOST") == told


def test_a_restart_is_the_same_in_new_pods() -> None:
    found = case(manifest({"pod": {"annotations": {"team": "a"}}}), SOURCES)
    restarted = build_revision(found.resource, found.sources, "a1:2026")
    assert restarted.hash == name_of(found.resource.spec, found.sources, "a1:2026")
    assert restarted.hash != found.revision.hash
    assert restarted.inputs == {**found.revision.inputs, "restart": "a1:2026"}
    annotations = restarted.template["metadata"]["annotations"]
    assert annotations == {"team": "a", "headlesscms.io/restart": "a1:2026"}


MOVED = [
    {"database_url": "postgresql://owner:wonderland@other.example:5432/cms"},
    {"database_url": "postgresql://owner:wonderland@db.example:5433/cms"},
    {"database_url": "postgresql://owner:wonderland@db.example:5432/shop"},
    {"database_url": "postgresql://owner:wonderland@db.example:5432/cms?sslmode=require"},
    {"redis_url": "redis://other.example:6379"},
    {"redis_url": "redis://redis.example:6379/1"},
    {"redis_url": "redis://:word@redis.example:6379"},
    {"database_read_replica_url": "postgresql://owner:wonderland@replica.example/cms"},
]
ROTATED = [
    {"database_url": "postgresql://owner:looking-glass@db.example:5432/cms"},
    {"database_url": "postgres://somebody:else@db.example/cms?connection_limit=20"},
    {"jwt_secret": "k" * 32},
]


@pytest.mark.parametrize("keys", MOVED, ids=str)
def test_a_moved_database_makes_a_new_revision(keys: dict[str, str]) -> None:
    assert from_secret(**keys).hash != revision().hash


@pytest.mark.parametrize("keys", ROTATED, ids=str)
def test_a_rotated_password_makes_none(keys: dict[str, str]) -> None:
    assert from_secret(**keys) == revision()


def test_another_password_of_redis_makes_none() -> None:
    one = from_secret(redis_url="redis://:one@redis.example:6379")
    assert from_secret(redis_url="redis://:two@redis.example:6379") == one


def test_a_renewed_authority_makes_none() -> None:
    begin = "-----BEGIN CERTIFICATE-----"
    first = from_secret(database_ca=f"{begin}\n1")
    assert first.hash == from_secret(database_ca=f"{begin}\n2").hash != from_secret().hash


def test_what_the_spec_asks_for_is_told_from_what_its_secrets_say() -> None:
    spec = load(FOLDER / "full" / "input.yaml").resource.spec
    asked = spec_hash(spec)
    assert spec_hash(spec.model_copy(update={"replicas": 7})) == asked, "as in a revision's name"
    for changes in ({"image": "cms:2"}, {"secret_name": "other"}):
        assert spec_hash(spec.model_copy(update=changes)) != asked


def test_a_new_field_with_a_default_changes_no_hash() -> None:
    found = load(FOLDER / "full" / "input.yaml")
    old = found.resource.spec
    pod = create_model("NewerPod", __base__=type(old.pod), host_users=(bool, True))
    newer = create_model(
        "NewerSpec", __base__=type(old), tracing=(_Tracing, _Tracing()), pod=(pod, pod())
    )
    spec: Any = newer.model_validate_json(old.model_dump_json(by_alias=True, exclude_none=True))
    assert hash_of(normalised_inputs(spec, found.sources)) == found.revision.hash


class _Tracing(Model):
    enabled: bool = False


def test_a_deployment_is_built_from_the_record_of_its_revision() -> None:
    found = load(FOLDER / "full" / "input.yaml")
    record = controller_revision.build(found.resource, found.revision, 7)
    read_back = controller_revision.read(record)
    assert record["revision"] == 7
    assert read_back == found.revision
    assert deployment.build(found.resource, read_back, 2)["spec"]["template"] == dict(
        found.revision.template
    )


@pytest.mark.parametrize("record", [{}, {"data": {}}, {"data": None, "metadata": {"labels": {}}}])
def test_what_is_no_record_is_refused(record: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="not the record of a revision"):
        controller_revision.read(record)
