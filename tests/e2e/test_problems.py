"""What goes wrong shows on the object, says what to do, and heals when its cause goes."""

from collections.abc import Callable

from demo.headless_cms import HeadlessCms
from demo.traffic import STEADY
from demo.waiting import wait_until
from tests.e2e.world import READY_SECONDS, World

PROBLEM_SECONDS = 120
NOWHERE = "localhost/no-such-image:1"


def reasons(cms: HeadlessCms) -> set[str]:
    return {item["reason"] for item in cms.found().get("status", {}).get("conditions", [])}


def events(world: World, cms: HeadlessCms) -> set[str]:
    found = world.kubectl.items("events.events.k8s.io", world.namespace)
    return {
        event["reason"]
        for event in found
        if event["regarding"].get("kind") == "HeadlessCMS"
        and event["regarding"]["name"] == cms.name
    }


def test_a_wrong_image_shows_while_the_old_pods_serve_on_and_heals(
    world: World, shop: HeadlessCms, article: str
) -> None:
    image = shop.found()["spec"]["image"]
    pods = {pod["metadata"]["uid"] for pod in shop.pods()}
    with world.load.send(article, STEADY) as traffic:
        shop.patch({"image": NOWHERE})
        wait_until(lambda: "ImagePullFailed" in reasons(shop), PROBLEM_SECONDS, "a condition")
        ready = shop.condition("Ready")
        shop.patch({"image": image})
        wait_until(shop.is_ready, READY_SECONDS, "Ready again")
        wait_until(shop.is_alone, READY_SECONDS, "the bad one is gone")
        report = traffic.stop()
    assert ready["status"] == "False"
    assert "spec.image" in ready["message"]
    assert "ImagePullFailed" in events(world, shop)
    assert report.failures == {}
    assert {pod["metadata"]["uid"] for pod in shop.pods()} == pods


def test_a_missing_secret_shows_and_heals_when_it_is_made(
    world: World, make: Callable[..., HeadlessCms]
) -> None:
    cms = make("waiting", replicas=1)
    wait_until(lambda: "SecretNotFound" in reasons(cms), PROBLEM_SECONDS, "a condition")
    assert cms.condition("Ready")["status"] == "False"
    assert "waiting-cms" in cms.condition("SecretsReady")["message"]
    assert cms.pods() == []
    # It is told after the condition.
    wait_until(lambda: "SecretNotFound" in events(world, cms), PROBLEM_SECONDS, "an Event")

    world.write_source("waiting", "waiting")
    world.wait_until_ready(cms)
    assert len(cms.serving_pods()) == 1
