"""Which host names can be no tenant's own."""

import pytest

from cms_service.hosts.shared import SharedHosts

HOSTS = SharedHosts({"cms.example.com"}, "shop", "team-a")


@pytest.mark.parametrize(
    "host",
    [
        "cms.example.com",
        "shop.team-a",
        "shop.team-a.svc",
        "shop.team-a.svc.cluster.local",
        "shop-preview.team-a.svc.clusters.corp",
    ],
)
def test_those_of_the_deployment_are(host: str) -> None:
    assert host in HOSTS


@pytest.mark.parametrize(
    "host", ["www.example.com", "shop.team-b.svc", "ashop.team-a", "shop.team-a.example.com"]
)
def test_others_are_not(host: str) -> None:
    assert host not in HOSTS


def test_outside_a_cluster_there_are_only_those_that_were_named() -> None:
    assert "a.b.svc" not in SharedHosts(())
