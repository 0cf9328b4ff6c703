"""The datastores for trying out come up safe and fit together."""

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.support.charts import (
    NAMESPACE,
    RELEASE,
    Chart,
    Objects,
    RefusedValuesError,
    of_kind,
    the,
)
from tests.support.compose_files import DEPLOY
from tests.support.pod_security import violations


@pytest.fixture(scope="module")
def chart(tools: Path) -> Chart:
    return Chart(tools / "helm", "headlesscms-demo-datastores")


def workloads(objects: Objects) -> list[dict[str, Any]]:
    return [the(objects, "StatefulSet"), the(objects, "Deployment")]


def secret(objects: Objects, suffix: str) -> dict[str, str]:
    return next(
        found["stringData"]
        for found in of_kind(objects, "Secret")
        if found["metadata"]["name"] == f"{RELEASE}-{suffix}"
    )


def test_datastores_are_restricted_and_have_a_read_only_root(chart: Chart) -> None:
    for workload in workloads(chart.render()):
        pod = workload["spec"]["template"]["spec"]
        assert violations(pod) == []
        (container,) = pod["containers"]
        assert container["securityContext"]["readOnlyRootFilesystem"] is True


def test_the_source_secret_leads_to_the_services_with_the_servers_passwords(chart: Chart) -> None:
    objects = chart.render()
    services = {
        f"{found['metadata']['name']}.{NAMESPACE}.svc" for found in of_kind(objects, "Service")
    }
    source, servers = secret(objects, "cms"), secret(objects, "datastores")
    database, redis = urlsplit(source["database-url"]), urlsplit(source["redis-url"])
    assert {database.hostname, redis.hostname} == services
    assert database.password == servers["postgres-password"]
    assert redis.password == servers["redis-password"]
    assert f"requirepass {redis.password}\n" in servers["redis.conf"]


def test_its_redis_gives_up_the_same_first_as_that_of_compose(chart: Chart) -> None:
    ours = secret(chart.render(), "datastores")["redis.conf"]
    theirs = (DEPLOY / "redis.conf").read_text()
    lines = [line for line in theirs.splitlines() if line.startswith("maxmemory-")]
    assert len(lines) == 2
    assert set(lines) <= set(ours.splitlines())


def test_generated_passwords_are_long_and_differ(chart: Chart) -> None:
    one, other = secret(chart.render(), "datastores"), secret(chart.render(), "datastores")
    passwords = [
        found[f"{name}-password"] for found in (one, other) for name in ("postgres", "redis")
    ]
    assert len(set(passwords)) == len(passwords)
    assert min(map(len, passwords)) >= 32


def test_given_passwords_are_used_and_stay_out_of_pods(chart: Chart) -> None:
    values = {"postgres": {"password": "given-one"}, "redis": {"password": "given-two"}}
    objects = chart.render(values)
    source = secret(objects, "cms")
    assert urlsplit(source["database-url"]).password == "given-one"
    assert urlsplit(source["redis-url"]).password == "given-two"
    assert "given-" not in str(workloads(objects))


def test_redis_is_made_anew_with_what_it_reads_at_its_start(chart: Chart) -> None:
    """Else the CMS has the new password at once, and Redis the old one."""

    def template(**redis: str) -> object:
        return the(chart.render({"redis": redis}), "Deployment")["spec"]["template"]

    assert template() == template()
    assert template(password="given") == template(password="given")
    templates = [template(), template(maxMemory="32mb")]
    templates += [template(password="given"), template(password="other")]
    assert all(one not in templates[:number] for number, one in enumerate(templates))


def test_a_disk_is_asked_for_only_on_request(chart: Chart) -> None:
    assert "volumeClaimTemplates" not in the(chart.render(), "StatefulSet")["spec"]
    kept = the(chart.render({"persistence": {"enabled": True, "size": "3Gi"}}), "StatefulSet")
    (claim,) = kept["spec"]["volumeClaimTemplates"]
    assert claim["spec"]["resources"]["requests"] == {"storage": "3Gi"}


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({"postgresql": {}}, "postgresql"),
        ({"postgres": {"uid": 0}}, "/postgres/uid"),
        ({"postgres": {"database": "Shop; DROP"}}, "/postgres/database"),
        ({"redis": {"password": "two words"}}, "/redis/password"),
        ({"redis": {"maxMemory": "much"}}, "/redis/maxMemory"),
    ],
)
def test_wrong_values_are_refused_by_name(
    chart: Chart, values: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(RefusedValuesError, match=complaint):
        chart.render(values)
