"""Readers notice nothing of what happens behind the Service."""

from demo.headless_cms import HeadlessCms
from demo.installation import OPERATOR_NAMESPACE, OPERATOR_RELEASE
from demo.tools import Kubectl
from demo.traffic import STEADY
from demo.waiting import wait_until
from tests.e2e.world import HEALING_SECONDS, OPERATOR, World, wait_until_replaced


def test_deleting_a_pod_under_load_loses_no_request(
    world: World, shop: HeadlessCms, article: str
) -> None:
    before = shop.serving_pods()
    with world.load.send(article, STEADY) as traffic:
        world.kubectl("delete", "pod", before[0], "-n", world.namespace)
        wait_until_replaced(shop, before)
        report = traffic.stop()
    assert report.failures == {}


def test_evicting_a_pod_under_load_loses_no_request(
    world: World, shop: HeadlessCms, article: str
) -> None:
    """A drain of its node evicts it likewise."""
    before = shop.serving_pods()
    with world.load.send(article, STEADY) as traffic:
        world.evict(before[0])
        wait_until_replaced(shop, before)
        report = traffic.stop()
    assert report.failures == {}


def test_a_killed_pod_costs_no_more_than_its_own_share(
    world: World, shop: HeadlessCms, article: str
) -> None:
    """SIGKILL leaves no time to drain: what it had in hand is lost until its endpoint goes."""
    before = shop.serving_pods()
    with world.load.send(article, STEADY) as traffic:
        started = traffic.now.requests
        world.kubectl(
            "delete", "pod", before[0], "-n", world.namespace, "--force", "--grace-period=0"
        )
        wait_until_replaced(shop, before)
        report = traffic.stop()
    assert report.blamed == {}
    assert report.failed <= (report.requests - started) / len(before)


def test_restarting_the_operator_restarts_no_pod_of_a_cms(
    world: World, shop: HeadlessCms, article: str, kubectl: Kubectl
) -> None:
    pods = {pod["metadata"]["uid"] for pod in shop.pods()}
    generations = {found["metadata"]["generation"] for found in shop.deployments()}
    with world.load.send(article, STEADY) as traffic:
        kubectl("rollout", "restart", *OPERATOR)
        kubectl("rollout", "status", *OPERATOR, "--timeout=180s")
        wait_until_it_heals(world, shop)
        report = traffic.stop()
    assert report.failures == {}
    assert {pod["metadata"]["uid"] for pod in shop.pods()} == pods
    assert {found["metadata"]["generation"] for found in shop.deployments()} == generations


def test_another_replica_goes_on_for_an_operator_that_is_killed(
    world: World, shop: HeadlessCms, article: str, kubectl: Kubectl
) -> None:
    # Nobody does for a moment after a test of another process has killed the one that did.
    before = wait_until(lambda: leader(kubectl), HEALING_SECONDS, "one leads")
    with world.load.send(article, STEADY) as traffic:
        kubectl(
            "delete", "pod", before.rpartition("_")[0], "-n", OPERATOR_NAMESPACE,
            "--force", "--grace-period=0", "--ignore-not-found",
        )  # fmt: skip
        wait_until(lambda: leader(kubectl) not in ("", before), HEALING_SECONDS, "another leads")
        wait_until_it_heals(world, shop)
        report = traffic.stop()
    assert report.failures == {}


def leader(kubectl: Kubectl) -> str:
    lease = kubectl.get("lease", OPERATOR_RELEASE, OPERATOR_NAMESPACE) or {"spec": {}}
    return str(lease["spec"].get("holderIdentity") or "")


def wait_until_it_heals(world: World, shop: HeadlessCms) -> None:
    """Which shows that the operator has been over the shop."""
    budgets = ("poddisruptionbudgets", "-n", world.namespace, "-l", shop.selector)
    world.kubectl("delete", *budgets)
    wait_until(
        lambda: world.kubectl("get", *budgets, "-o", "name"), HEALING_SECONDS, "the operator acts"
    )
