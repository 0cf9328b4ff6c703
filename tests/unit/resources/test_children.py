"""What a platform engineer relies on in the single children."""

import contextlib
import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import example, given, strategies
from pydantic import SecretStr

from cms_operator.api import HeadlessCMS, InvalidSpec, parse
from cms_operator.api.fields.env import is_reserved
from cms_operator.resources import labels
from cms_operator.resources.children import (
    deployment,
    hpa,
    http_route,
    ingress,
    migration_job,
    network_policy,
    pdb,
    service,
    service_account,
)
from cms_operator.resources.sources.connections import demand, most_pods
from cms_service.core.settings.default_limits import LIMITS, parse_limits
from cms_service.core.settings.networks import parse_networks
from cms_service.tenants.provision import FirstOwner
from tests.support import kubelet
from tests.support.children import Case, case, load
from tests.support.specs import SOURCES, manifest
from tests.unit.resources.golden import CASES, FOLDER

INGRESS = {"host": "cms.example.com", "ingress": {}}
GATEWAY = {"host": "cms.example.com", "gateway": {"name": "public"}}


def shop(**changes: Any) -> HeadlessCMS:
    return parse(manifest(changes))


def made(changes: Mapping[str, Any] | None = None) -> Case:
    return case(manifest(changes), SOURCES)


def test_the_service_is_a_load_balancer_until_a_route_is_asked_for() -> None:
    assert service.build(shop(), None)["spec"]["type"] == "LoadBalancer"
    assert service.build(shop(route=INGRESS), None)["spec"]["type"] == "ClusterIP"
    both = shop(route=INGRESS, service={"type": "NodePort"})
    assert service.build(both, None)["spec"]["type"] == "NodePort"


def test_the_service_reaches_pods_of_every_revision_and_no_migration() -> None:
    selector = service.build(shop(), None)["spec"]["selector"].items()
    found = made()
    pods = deployment.build(found.resource, found.revision, 3)["spec"]["template"]
    job = migration_job.build(found.resource, found.sources, "01234567")["spec"]["template"]
    assert selector <= pods["metadata"]["labels"].items()
    assert not selector <= job["metadata"]["labels"].items()


def test_a_blue_green_service_reaches_one_revision_and_the_preview_another() -> None:
    active, preview = service.build(shop(), "aaa"), service.build_preview(shop(), "bbb")
    assert preview is not None
    assert active["spec"]["selector"]["headlesscms.io/revision"] == "aaa"
    assert preview["spec"]["selector"]["headlesscms.io/revision"] == "bbb"
    assert preview["metadata"]["name"] == "shop-preview"
    assert preview["spec"]["type"] == "ClusterIP"
    assert service.build_preview(shop(), None) is None


def test_the_autoscaler_counts_the_pods_of_the_revisions_that_serve() -> None:
    text = labels.selector_text(shop(), ["bbb", "aaa"])
    assert text.endswith(",headlesscms.io/revision in (aaa,bbb)")
    assert "app.kubernetes.io/component=api" in text


def test_the_autoscaler_scales_the_headlesscms() -> None:
    built = hpa.build(shop(autoscaling={}))
    assert built is not None
    assert built["spec"]["scaleTargetRef"]["kind"] == "HeadlessCMS"
    assert (built["spec"]["minReplicas"], built["spec"]["maxReplicas"]) == (3, 10)
    assert hpa.build(shop()) is None


def test_a_metric_can_be_left_out() -> None:
    built = hpa.build(shop(autoscaling={"targetCPUUtilizationPercentage": 0}))
    assert built is not None
    assert [metric["resource"]["name"] for metric in built["spec"]["metrics"]] == ["memory"]


@pytest.mark.parametrize(
    ("budget", "limit"),
    [
        ({}, {"maxUnavailable": 1}),
        ({"maxUnavailable": 0}, {"maxUnavailable": 0}),
        ({"maxUnavailable": "25%"}, {"maxUnavailable": "25%"}),
        ({"minAvailable": 2}, {"minAvailable": 2}),
    ],
)
def test_disruption_budget(budget: dict[str, Any], limit: dict[str, Any]) -> None:
    built = pdb.build(shop(podDisruptionBudget=budget), "0123456789")
    assert built is not None
    assert limit.items() <= built["spec"].items()
    assert built["spec"]["selector"]["matchLabels"]["headlesscms.io/revision"] == "0123456789"


@pytest.mark.parametrize(
    ("replicas", "must_stay", "may_go"),
    [(3, 2, 1), (5, 3, 2), (4, "50%", 2), (3, "34%", 1), (2, 3, 0)],
)
def test_a_part_of_the_pods_can_lose_as_many_as_all_of_them(
    replicas: int, must_stay: int | str, may_go: int
) -> None:
    """A revision that has two of three pods could lose none of them where two must stay."""
    budget = {"minAvailable": must_stay}
    built = pdb.build(shop(replicas=replicas, podDisruptionBudget=budget), "x", alone=False)
    assert built is not None
    assert built["spec"]["maxUnavailable"] == may_go
    assert "minAvailable" not in built["spec"]


@pytest.mark.parametrize(
    ("replicas", "scaling", "wanted"),
    [
        pytest.param(10, None, 10, id="the user's number"),
        pytest.param(None, {"minReplicas": 10}, 10, id="left out for the autoscaler"),
        pytest.param(12, {"minReplicas": 10}, 12, id="what the autoscaler has written"),
        pytest.param(0, {"minReplicas": 10}, 0, id="switched off"),
    ],
)
def test_the_wanted_pods_are_never_fewer_than_an_autoscaler_may_want(
    replicas: int | None, scaling: dict[str, Any] | None, wanted: int
) -> None:
    """Whoever leaves the number out of Git gives it up, and the default stands there until the
    autoscaler has written its own.
    """
    asked = {"replicas": replicas, "autoscaling": scaling}
    given = {name: value for name, value in asked.items() if value is not None}
    budget = {"minAvailable": "50%"}
    found = shop(**given, podDisruptionBudget=budget)
    assert found.spec.wanted_pods == wanted
    built = pdb.build(found, "x", alone=False)
    assert built is not None
    assert built["spec"]["maxUnavailable"] == wanted // 2


def test_what_is_not_asked_for_is_not_made() -> None:
    assert pdb.build(shop(podDisruptionBudget={"enabled": False}), "x") is None
    assert network_policy.build(shop(networkPolicy={"enabled": False}), "ops") is None
    assert ingress.build(shop()) is None
    assert ingress.build(shop(route=GATEWAY)) is None
    assert http_route.build(shop(route=INGRESS)) is None


@pytest.mark.parametrize(
    ("named", "of_older_pods", "is_made"),
    [
        (None, None, True),
        ("mine", None, False),
        ("mine", "mine", False),
        ("mine", "shop", True),
        ("shop", None, False),
        ("shop", "shop", False),
    ],
)
def test_an_account_is_made_where_pods_need_one_that_is_not_the_users(
    named: str | None, of_older_pods: str | None, *, is_made: bool
) -> None:
    older = [made({"pod": {"serviceAccountName": of_older_pods}})] if of_older_pods else []
    revisions = [case.revision for case in older]
    built = service_account.build(shop(pod={"serviceAccountName": named}), revisions)
    assert (built is not None) == is_made
    assert built is None or built["automountServiceAccountToken"] is False


def ingress_rules(operator_namespace: str, **policy: Any) -> list[dict[str, Any]]:
    built = network_policy.build(shop(networkPolicy=policy), operator_namespace)
    assert built is not None
    return list(built["spec"]["ingress"])


def test_everyone_reaches_the_api_and_only_the_operator_the_admin_port() -> None:
    http, admin = ingress_rules("ops")
    assert (http["ports"][0]["port"], "from" in http) == ("http", False)
    (operator,) = admin["from"]
    assert operator["namespaceSelector"]["matchLabels"] == {"kubernetes.io/metadata.name": "ops"}


def test_the_admin_port_is_closed_when_nobody_is_to_reach_it() -> None:
    assert [rule["ports"][0]["port"] for rule in ingress_rules("")] == ["http"]


def test_the_network_policy_names_those_who_may() -> None:
    peer = {"podSelector": {"matchLabels": {"app": "prometheus"}}}
    http, admin = ingress_rules("", allowHttpFrom=[peer], allowMetricsFrom=[peer])
    assert http["from"] == admin["from"] == [peer]


def test_the_operator_is_let_in_where_only_some_are() -> None:
    peer = {"podSelector": {"matchLabels": {"app": "shop"}}}
    http, admin = ingress_rules("ops", allowHttpFrom=[peer])
    assert http["from"] == [*admin["from"], peer]


def test_a_gateway_of_ones_own_namespace_is_named_without_it() -> None:
    built = http_route.build(shop(route=GATEWAY))
    assert built is not None
    assert built["spec"]["parentRefs"] == [
        {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "public"}
    ]


@pytest.mark.parametrize("name", CASES)
def test_no_variable_of_the_operator_can_be_overridden(name: str) -> None:
    found = load(FOLDER / name / "input.yaml")
    job = migration_job.build(found.resource, found.sources, "01234567")
    (container,) = job["spec"]["template"]["spec"]["containers"]
    extra = {variable.name for variable in found.resource.spec.pod.env}
    own = {variable["name"] for variable in container["env"]} - extra
    assert [
        variable for variable in own | set(found.revision.config) if not is_reserved(variable)
    ] == []


def test_pods_see_only_the_secrets_that_they_need() -> None:
    found = made()
    pod = found.revision.template["spec"]
    secrets = [item["secret"]["secretName"] for item in pod["volumes"] if "secret" in item]
    # The URL of the owner is for the migration Job alone.
    assert secrets == ["shop-jwt", "shop-database"]
    assert "projected" not in str(pod["volumes"])


MIGRATIONS: list[dict[str, Any]] = [
    {"image": "registry.example/cms:2"},
    {"tenants": [{"name": "acme", "ownerEmail": "a@b.c"}]},
    {"tenants": [{"name": "acme", "ownerEmail": "a@b.d"}]},
    {"tenantLimits": {"entries": 5}},
    {"tenantLimits": {"entries": 6}},
]


def key_of(found: Case, uid: str = "1") -> str:
    return migration_job.key(found.resource, found.sources, uid)


def test_a_migration_runs_again_for_another_image_database_role_tenant_or_limit() -> None:
    moved = {**SOURCES["shop-cms"], "database-url": "postgresql://owner:p@other.example/cms"}
    keys = [key_of(made()), key_of(made(), "2"), key_of(case(manifest(), {"shop-cms": moved}))]
    keys += [key_of(made(changes)) for changes in MIGRATIONS]
    assert len(set(keys)) == len(keys)


def test_a_migration_runs_again_when_it_is_asked_for() -> None:
    shop = manifest()
    metadata = {**shop["metadata"], "annotations": {"headlesscms.io/migrate": "after the restore"}}
    asked = case({**shop, "metadata": metadata}, SOURCES)
    assert key_of(asked) != key_of(made())


def job_container(found: Case) -> dict[str, Any]:
    job = migration_job.build(found.resource, found.sources, "01234567")
    (container,) = job["spec"]["template"]["spec"]["containers"]
    return dict(container)


def variables(job: Mapping[str, Any]) -> dict[str, str]:
    (container,) = job["spec"]["template"]["spec"]["containers"]
    return {item["name"]: item["value"] for item in container["env"] if "value" in item}


def annotated(**annotations: str) -> Case:
    shop = manifest()
    names = {f"headlesscms.io/{key}": value for key, value in annotations.items()}
    return case({**shop, "metadata": {**shop["metadata"], "annotations": names}}, SOURCES)


def test_the_database_is_told_whose_it_is_and_from_whom_it_is_taken_over() -> None:
    asked = annotated(**{"take-over-database": "team-a/shop"})
    for build in (migration_job.build, migration_job.build_contract):
        found = variables(build(asked.resource, asked.sources, "01234567"))
        assert found["DATABASE_OWNER"] == "default/shop"
        assert found["DATABASE_TAKE_OVER_FROM"] == "team-a/shop"
    assert key_of(asked) == key_of(made()), "a Job that has passed is not asked again"
    endless = annotated(**{"take-over-database": "x" * 318})
    job = migration_job.build(endless.resource, endless.sources, "01234567")
    assert "DATABASE_TAKE_OVER_FROM" not in variables(job)


def test_only_the_expand_asks_whether_what_serves_can_live_with_it() -> None:
    found = made()
    job = migration_job.build(found.resource, found.sources, "01234567", 2)
    assert variables(job)["DATABASE_SCHEMA_IN_USE"] == "2"
    unknown = migration_job.build(found.resource, found.sources, "01234567")
    assert "DATABASE_SCHEMA_IN_USE" not in variables(unknown)


def test_a_restore_or_another_database_forgets_what_is_known_of_the_schema() -> None:
    moved = {**SOURCES["shop-cms"], "database-url": "postgresql://owner:p@other.example/cms"}
    known = [made(), annotated(migrate="restored"), case(manifest(), {"shop-cms": moved})]
    assert len({migration_job.database(found.resource, found.sources) for found in known}) == 3
    newer = made({"image": "registry.example/cms:2"})
    assert migration_job.database(newer.resource, newer.sources) == migration_job.database(
        known[0].resource, known[0].sources
    )


def test_the_limits_of_a_migration_are_those_of_the_spec() -> None:
    found = made({"migration": {"timeoutSeconds": 60, "lockTimeoutSeconds": 2}})
    job = migration_job.build(found.resource, found.sources, "01234567")
    assert job["spec"]["activeDeadlineSeconds"] > 60
    assert variables(job)["MIGRATION_TIMEOUT_SECONDS"] == "60"
    assert variables(job)["MIGRATION_LOCK_TIMEOUT_SECONDS"] == "2"


def test_the_cms_takes_the_tenants_limits_and_the_networks_of_the_proxies() -> None:
    limits = {name: number for number, name in enumerate(LIMITS)}
    found = made({"tenantLimits": limits, "trustedProxies": ["10.0.0.0/8", "fd00::/8"]})
    job = migration_job.build(found.resource, found.sources, "01234567")
    read = parse_limits(variables(job)["DEFAULT_LIMITS"]).model_dump(by_alias=True)
    assert read == limits
    networks = parse_networks(found.revision.config["TRUSTED_PROXIES"])
    assert [str(network) for network in networks] == ["10.0.0.0/8", "fd00::/8"]


@given(email=strategies.text("aé@. \t\x1c\x85\xa0\u2003\u200b\u3000\n", min_size=3, max_size=8))
@example(email="owner@bücher.example")
@example(email="admin@localhost")
def test_the_cms_takes_every_address_of_an_owner_that_the_spec_takes(email: str) -> None:
    with contextlib.suppress(InvalidSpec):
        (tenant,) = shop(tenants=[{"name": "acme", "ownerEmail": email}]).spec.tenants
        FirstOwner(email=tenant.owner_email, password=SecretStr("x" * 20))


def test_without_a_wish_the_cms_has_its_own_limits_and_trusts_no_proxy() -> None:
    job = migration_job.build(made().resource, made().sources, "01234567")
    assert "DEFAULT_LIMITS" not in variables(job)
    assert "TRUSTED_PROXIES" not in made().revision.config


def test_a_migration_does_not_run_again_for_anything_else() -> None:
    rotated = {**SOURCES["shop-cms"], "database-url": "postgresql://new:word@db.example:5432/cms"}
    other = {"replicas": 9, "logLevel": "debug", "trustedProxies": ["10.0.0.0/8"]}
    assert key_of(made({**other, "tenantLimits": {}})) == key_of(made())
    assert key_of(case(manifest(), {"shop-cms": rotated})) == key_of(made())


def test_a_name_for_people_that_looks_like_a_variable_is_no_variable() -> None:
    tenant = {"name": "a", "displayName": "$(DEFAULT_LIMITS) $$5", "ownerEmail": "a@b.c"}
    found = made({"tenants": [tenant], "tenantLimits": {"entries": 5}})
    told = kubelet.environment(job_container(found)["env"])
    assert json.loads(told["TENANTS"])[0]["displayName"] == tenant["displayName"]


def test_the_address_of_an_owner_stands_in_the_secret_alone() -> None:
    """The Job reads it there, so what people read there is true."""
    found = made({"tenants": [{"name": "acme", "ownerEmail": "owner@acme.example"}]})
    assert "owner@acme.example" not in json.dumps(job_container(found))


@pytest.mark.parametrize(
    ("rollout", "pods"),
    [
        ({}, 4),
        ({"maxSurge": 2}, 5),
        ({"maxSurge": "100%"}, 6),
        ({"maxSurge": 0, "maxUnavailable": 1}, 3),
        ({"strategy": "Canary"}, 4),
        ({"strategy": "BlueGreen"}, 6),
    ],
)
def test_all_pods_of_a_rollout_have_to_fit_the_database(rollout: Any, pods: int) -> None:
    found = made({"replicas": 3, "database": {"poolSize": 10}, "rollout": rollout})
    needed = demand(found.resource.spec, found.sources)
    assert (needed.pods, needed.connections) == (pods, 10 * pods + 2)


def test_the_strategy_that_is_running_counts_until_its_end() -> None:
    assert most_pods(shop(replicas=3).spec, running="BlueGreen") == 6
    assert most_pods(shop(replicas=3).spec, running="Canary") == 4


def test_behind_a_gateway_stable_keeps_all_its_pods_beside_a_canary() -> None:
    route = {"host": "cms.shop.example", "gateway": {"name": "public"}}
    spec = shop(replicas=3, route=route, rollout={"strategy": "Canary"}).spec
    assert most_pods(spec) == 7
    assert most_pods(shop(replicas=3, route=route).spec, running="Canary") == 7
    assert most_pods(shop(replicas=3, route=route).spec) == 4


def test_the_autoscalers_most_counts() -> None:
    assert most_pods(shop(replicas=3, autoscaling={"maxReplicas": 10}).spec) == 13
    assert most_pods(shop(replicas=12, autoscaling={"maxReplicas": 10}).spec) == 15
