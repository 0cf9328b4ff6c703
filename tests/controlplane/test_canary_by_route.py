"""A Canary whose weights are those of a route: pods first, then the weight, then the next step."""

from collections.abc import Iterator
from contextlib import suppress

import pytest

from localcluster.controlplane import ControlPlane
from tests.controlplane.api import Object
from tests.controlplane.gateway import ROUTE, FakeGateway, crd, install, weight_of
from tests.controlplane.operator_process import OperatorProcess
from tests.controlplane.team import IMAGES, Team, always, eventually
from tests.controlplane.tracing import REVISION, Trace

GOOD = f"{IMAGES}:2.0.0"
WAIT: Object = {"pause": {}}


@pytest.fixture(autouse=True)
def gateway(control_plane: ControlPlane, team: Team) -> Iterator[FakeGateway]:
    install(control_plane, crd())
    with FakeGateway(team) as found:
        yield found


def canary(*steps: Object, **settings: object) -> Object:
    return {"strategy": "Canary", "canary": {"steps": list(steps)}, **settings}


def release(team: Team, image: str, rollout: Object, replicas: int = 3) -> None:
    team.make(replicas=replicas, image=image, rollout=rollout, route=ROUTE)


def settled(team: Team, rollout: Object, replicas: int = 3) -> str:
    team.make(replicas=replicas, rollout=rollout, route=ROUTE)
    team.wait_until_ready()
    return team.revision()


def weight(team: Team) -> int:
    return weight_of(team.the("httproute", "shop"))


def selected(team: Team, service: str = "shop") -> str:
    return str(team.the("service", service)["spec"]["selector"].get(REVISION, ""))


def reaches(team: Team, index: int, phase: str) -> Object:
    def there() -> Object:
        found: Object = team.status().get("rollout", {})
        arrived = (found.get("currentStepIndex"), found.get("phase")) == (index, phase)
        return found if arrived else {}

    return eventually(there, f"step {index}, {phase}")


def backends(team: Team) -> set[str]:
    rules = team.the("httproute", "shop")["spec"]["rules"]
    return {ref["name"] for rule in rules for ref in rule["backendRefs"]}


def is_over(team: Team, revision: str) -> bool:
    return (
        team.sizes() == {revision: 3} and selected(team) == revision and backends(team) == {"shop"}
    )


def accepts(gateway: FakeGateway, weights: list[int]) -> None:
    """It may be late with the last one: nothing waits for that."""
    eventually(lambda: len(gateway.weights) >= len(weights), f"{len(weights)} weights")
    assert gateway.weights == weights


def test_each_weight_is_set_when_its_pods_are_ready(team: Team, gateway: FakeGateway) -> None:
    steps = canary({"setWeight": 10}, WAIT, {"setWeight": 50}, WAIT)
    old = settled(team, steps)
    with Trace(team) as trace:
        release(team, GOOD, steps)
        found = reaches(team, 1, "Paused")
        new = found["revision"]
        assert (found["setWeight"], found["actualWeight"]) == (10, 10)
        assert team.sizes() == {old: 3, new: 1}, "stable keeps all its pods"
        assert (selected(team), selected(team, "shop-preview")) == (old, new)

        team.annotate("promote", new)
        assert reaches(team, 3, "Paused")["actualWeight"] == 50
        assert team.sizes() == {old: 3, new: 2}

        team.annotate("promote", f"{new}:2")
        eventually(lambda: is_over(team, new), "one backend, one revision")
        team.wait_until_ready()
    accepts(gateway, [0, 10, 50, 100, 0])
    assert min(trace.serving) >= 3
    assert team.revision() == new


def test_a_release_of_no_pods_is_over_without_a_resync(team: Team) -> None:
    steps = canary({"setWeight": 50})
    settled(team, steps, replicas=0)
    release(team, GOOD, steps, replicas=0)
    eventually(lambda: team.status().get("version") == "2.0.0", "the new version")
    new = team.revision()
    eventually(lambda: backends(team) == {"shop"}, "the route leads to one Service")
    eventually(lambda: team.sizes() == {new: 0}, "the old Deployment is gone")
    assert selected(team) == new


def test_the_bake_is_warm_and_an_abort_in_it_is_one_write(team: Team) -> None:
    steps = canary({"setWeight": 50}, bakeSeconds=600)
    old = settled(team, steps)
    pods = team.pods()
    release(team, GOOD, steps)
    new = reaches(team, 1, "Baking")["revision"]
    assert weight(team) == 100
    assert team.sizes() == {old: 3, new: 3}
    team.annotate("abort", new)
    eventually(lambda: team.sizes() == {old: 3}, "the candidate is gone")
    assert (weight(team), selected(team)) == (0, old)
    assert team.pods() == pods, "no pod had to start"
    team.wait_for("Stalled", "True", "RolledBack")


def test_the_candidates_pods_are_set_apart_from_its_weight(team: Team) -> None:
    steps = canary({"setCanaryScale": {"replicas": 2}}, WAIT, {"setWeight": 10}, WAIT)
    old = settled(team, steps)
    release(team, GOOD, steps)
    new = reaches(team, 1, "Paused")["revision"]
    assert team.sizes() == {old: 3, new: 2}
    assert weight(team) == 0
    rules = team.the("httproute", "shop")["spec"]["rules"]
    asked = {m["headers"][0]["value"] for m in rules[1]["matches"]}
    assert asked == {new, "candidate"}, "testers reach it by a header"
    team.annotate("promote", new)
    reaches(team, 3, "Paused")
    assert (weight(team), team.sizes()) == (10, {old: 3, new: 2})


def test_a_gateway_that_never_accepts_ends_the_rollout(team: Team, gateway: FakeGateway) -> None:
    steps = canary({"setWeight": 50})
    old = settled(team, steps)
    gateway.__exit__()
    try:
        release(team, GOOD, steps)
        eventually(lambda: weight(team) == 50, "its pods are ready: it is the gateway that is late")
        release(team, GOOD, steps | {"progressDeadlineSeconds": 5})
        message = team.wait_for("Stalled", "True", "RolledBack")
        assert "gateway has not accepted" in message
        assert selected(team) == old
        assert team.status()["readyReplicas"] >= 3
    finally:
        gateway.__enter__()
    eventually(lambda: is_over(team, old), "once it accepts, the candidate goes")


def test_a_fix_takes_the_place_of_a_candidate_that_has_a_weight(
    team: Team, gateway: FakeGateway
) -> None:
    old = settled(team, canary({"setWeight": 50}, WAIT))
    with Trace(team) as trace:
        release(team, GOOD, canary({"setWeight": 50}, WAIT))
        reaches(team, 1, "Paused")
        release(team, f"{IMAGES}:3.0.0", canary({"setWeight": 20}))
        eventually(lambda: team.status()["version"] == "3.0.0", "the fix is stable")
        new = team.revision()
        eventually(lambda: is_over(team, new), "the others are gone")
    accepts(gateway, [0, 50, 0, 20, 100, 0])
    assert old != new
    assert min(trace.serving) >= 3


def test_killed_again_and_again_it_comes_to_the_same_end(
    team: Team, operator: OperatorProcess
) -> None:
    steps = canary({"setWeight": 34}, {"setWeight": 67}, bakeSeconds=1)
    old = settled(team, steps)
    with Trace(team) as trace:
        release(team, GOOD, steps)
        for _ in range(6):
            operator.kill()
            operator.start()
            with suppress(AssertionError):
                always(lambda: not is_settled(team, old), "under way", seconds=0.5)
        eventually(lambda: is_settled(team, old), "the new one is stable")
        new = team.revision()
        eventually(lambda: is_over(team, new), "one backend, one revision")
    assert min(trace.serving) >= 3


def is_settled(team: Team, old: str) -> bool:
    return team.status().get("stableRevision") != old


def test_n_is_followed_in_the_middle(team: Team) -> None:
    steps = canary({"setWeight": 34}, WAIT)
    old = settled(team, steps)
    release(team, GOOD, steps)
    new = reaches(team, 1, "Paused")["revision"]
    assert team.sizes() == {old: 3, new: 2}
    team.patch("headlesscms", "shop", {"spec": {"replicas": 6}})
    eventually(lambda: team.sizes() == {old: 6, new: 3}, "both grow")
    team.patch("headlesscms", "shop", {"spec": {"replicas": 1}})
    eventually(lambda: team.sizes() == {old: 1, new: 1}, "and shrink")
    assert weight(team) == 34
