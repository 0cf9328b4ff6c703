"""Images that misbehave on purpose are taken back without a person, and stable serves on."""

from collections.abc import Callable

import pytest

from demo.headless_cms import HeadlessCms
from demo.misbehaving.faults.names import Fault
from demo.traffic import STEADY
from demo.waiting import wait_until
from tests.e2e.world import READY_SECONDS, World

# The image, the reason on the object, words of its message, and whether it ever gets a request.
FATES = [
    (Fault.CRASH, "RolledBack", "exit code 3", True),
    (Fault.LEAK, "RolledBack", "memory limit", True),
    (Fault.BAD_MIGRATION, "MigrationFailed", "migration", False),
]


@pytest.mark.parametrize(("fault", "reason", "words", "serves"), FATES, ids=[f[0] for f in FATES])
def test_a_bad_release_is_taken_back(  # noqa: PLR0913  - what a fate is, and where it happens
    world: World, misbehaving: Callable[[Fault], str], shop: HeadlessCms, article: str,
    *, fault: Fault, reason: str, words: str, serves: bool,
) -> None:  # fmt: skip
    bad = misbehaving(fault)
    before = shop.found()
    pods = {pod["metadata"]["uid"] for pod in shop.pods()}
    image, old = before["spec"]["image"], before["status"]["stableRevision"]
    with world.load.send(article, STEADY) as traffic:
        shop.patch({"image": bad, "rollout": {"bakeSeconds": 300, "progressDeadlineSeconds": 120}})
        wait_until(
            lambda: shop.condition("Stalled").get("reason") == reason,
            READY_SECONDS,
            "it is stalled",
        )
        wait_until(lambda: len(shop.deployments()) == 1, READY_SECONDS, "its pods are gone")
        report = traffic.stop()
    assert words in shop.condition("Stalled")["message"]
    assert shop.found()["status"]["stableRevision"] == old
    assert (set(report.revisions) == {old}) is not serves
    if not serves:
        assert report.failures == {}
        assert {pod["metadata"]["uid"] for pod in shop.pods()} == pods
    shop.patch({"image": image, "rollout": {"bakeSeconds": 3, "progressDeadlineSeconds": None}})
    wait_until(shop.is_ready, READY_SECONDS, "the stable spec is back")
    with world.load.send(article, STEADY) as traffic:
        wait_until(lambda: traffic.now.requests > 100, 60, "a hundred requests")
        assert traffic.stop().failures == {}
