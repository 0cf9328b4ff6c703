"""The policies of the charts and of a CMS, enforced by a real engine: who reaches whom by
connections between real pods, and what the operator and the CMS have to do goes on.

Each connection is tried before the engine runs, too: then a refusal is known to be a policy's.
"""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from demo.headless_cms import HeadlessCms
from demo.installation import CHARTS, OPERATOR_NAMESPACE, OPERATOR_RELEASE, Installation
from demo.tools import CommandError
from demo.traffic import STEADY
from demo.waiting import POLL_SECONDS, wait_until
from localcluster.cluster import Cluster
from localcluster.node import policies, record
from localcluster.progress import Progress
from tests.e2e.connections import Outcomes, tried
from tests.e2e.neighbourhood import Neighbourhood
from tests.e2e.world import NO_TRIAL, READY_SECONDS, TRIAL, World, wait_until_settled
from tests.support.network import NAME, Network

EGRESS = Path(__file__).parents[2] / "config" / "samples" / "egress.yaml"
SETTLE_SECONDS = 240

# Of these no policy says who may reach them.
OPEN = {"DNS", "DNS health", "API server"}
REACHES: dict[str, set[str]] = {
    "stranger": OPEN,
    "neighbour": OPEN | {"CMS"},
    "Prometheus": OPEN | {"CMS admin", "operator"},
    "CMS": {"PostgreSQL", "Redis", "DNS"},
    "operator": {"CMS", "CMS admin", "DNS", "API server"},
    "PostgreSQL": set(),
    "Redis": set(),
}


@pytest.fixture(scope="module")
def neighbourhood(
    cluster: Cluster,
    installation: Installation,
    world: World,
    shop_and_article: tuple[HeadlessCms, str],
) -> Iterator[Neighbourhood]:
    """The shop names who may reach it and whom it may; the operator's chart names Prometheus."""
    if cluster.provider != record.PROVIDER:
        pytest.skip("the network of this cluster is not ours to change")
    shop, _ = shop_and_article
    found = Neighbourhood(installation, shop)
    prometheus = {"namespaceSelector": {"matchLabels": {NAME: found.monitoring}}}
    named = {"allowHttpFrom": [{"podSelector": {}}], "allowMetricsFrom": [prometheus]}
    with found.inhabited(world.image):
        shop.patch({"networkPolicy": named})
        let_scrape(installation, prometheus)
        world.kubectl("apply", "-n", world.namespace, "-f", str(EGRESS))
        yield found
        world.kubectl("delete", "-n", world.namespace, "-f", str(EGRESS))
        let_scrape(installation)
        shop.patch({"networkPolicy": None})


def let_scrape(installation: Installation, *peers: dict[str, Any]) -> None:
    chart = str(CHARTS / "headlesscms-operator")
    where = ("--namespace", OPERATOR_NAMESPACE, "--reuse-values", "--wait")
    values = json.dumps({"networkPolicy": {"allowMetricsFrom": peers}})
    installation.helm("upgrade", OPERATOR_RELEASE, chart, *where, "--values", "-", stdin=values)


@dataclass(frozen=True)
class Attempts:
    open: Outcomes  # where nothing enforces the policies
    enforced: Outcomes


@pytest.fixture(scope="module", autouse=True)
def attempts(neighbourhood: Neighbourhood) -> Iterator[Attempts]:
    before = outcomes(neighbourhood, lambda *_: True)
    with enforcement():
        yield Attempts(
            before, outcomes(neighbourhood, lambda client, server: server in REACHES[client])
        )


@contextmanager
def enforcement() -> Iterator[None]:
    policies.start(Progress())
    try:
        yield
    finally:
        policies.stop()


def outcomes(neighbourhood: Neighbourhood, expected: Callable[[str, str], bool]) -> Outcomes:
    """Outcomes as soon as they are what is expected, else the last ones: policies take a moment to
    hold, and the operator's pod may be one that another test has just killed.
    """
    deadline = time.monotonic() + SETTLE_SECONDS
    while True:
        try:
            found = tried(neighbourhood.kubectl, neighbourhood.clients(), neighbourhood.servers())
        except (CommandError, LookupError):
            if time.monotonic() > deadline:
                raise
        else:
            if found == wanted(found, expected) or time.monotonic() > deadline:
                return found
        time.sleep(POLL_SECONDS)


def wanted(found: Outcomes, expected: Callable[[str, str], bool]) -> Outcomes:
    return {
        client: {server: {expected(client, server)} for server in answers}
        for client, answers in found.items()
    }


@pytest.mark.parametrize("client", REACHES)
def test_who_reaches_whom(attempts: Attempts, client: str) -> None:
    """At a pod's own address and by its Service alike."""
    found = attempts.enforced[client]
    assert attempts.open[client] == {server: {True} for server in found}
    assert found == {server: {server in REACHES[client]} for server in found}


def test_the_rules_mean_to_the_engine_what_they_mean_to_the_tests_of_the_rules(
    neighbourhood: Neighbourhood, attempts: Attempts
) -> None:
    network = Network(neighbourhood.policies())
    clients, servers = neighbourhood.clients(), neighbourhood.servers()

    def allows(client: str, server: str) -> bool:
        asked = servers[server]
        return network.allows(clients[client].end, asked.end, asked.port)

    assert attempts.enforced == wanted(attempts.enforced, allows)


def test_a_new_cms_with_a_tenant_is_migrated_gets_ready_and_serves(
    world: World, make: Callable[..., HeadlessCms]
) -> None:
    """The kubelet probes the admin port, which the policy opens to the operator alone."""
    world.write_source("walled", "walled")
    cms = make("walled")
    world.wait_until_ready(cms)
    path = world.publish_article(cms, "walls", "Walls")
    with world.load.send(cms.service_url + path, STEADY) as traffic:
        assert traffic.stop().failures == {}


def test_a_canary_is_judged_by_its_measures_and_goes_through(
    world: World, shop: HeadlessCms, article: str, next_image: str
) -> None:
    old = shop.stable()
    with world.load.send(article, STEADY) as traffic:
        shop.patch({"image": next_image, "rollout": TRIAL})
        # Seen from the counters of the candidates' admin ports.
        wait_until(
            lambda: shop.rollout().get("observedWeight"), READY_SECONDS, "a measure of the canary"
        )
        candidate = shop.rollout()["revision"]
        shop.ask("promote", f"{candidate}:1")
        wait_until(lambda: shop.stable() == candidate, READY_SECONDS, "the canary is stable")
        report = traffic.stop()
    shop.patch({"rollout": NO_TRIAL})
    wait_until_settled(shop)
    assert report.failures == {}
    assert set(report.revisions) == {old, candidate}
