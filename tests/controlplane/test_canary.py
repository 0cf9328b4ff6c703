"""A Canary by the ratio of pods: step by step, and back without a lost pod."""

from tests.controlplane.api import Object
from tests.controlplane.team import IMAGES, Team, always, eventually
from tests.controlplane.tracing import Trace

GOOD = f"{IMAGES}:2.0.0"
WAIT: Object = {"pause": {}}


def canary(*steps: Object, **settings: object) -> Object:
    return {"strategy": "Canary", "canary": {"steps": list(steps)}, **settings}


def at_step(team: Team, index: int, phase: str) -> Object:
    def there() -> Object:
        found: Object = team.status().get("rollout", {})
        arrived = (found.get("currentStepIndex"), found.get("phase")) == (index, phase)
        return found if arrived else {}

    return eventually(there, f"step {index}, {phase}")


def test_each_step_waits_until_somebody_promotes(team: Team) -> None:
    team.make(replicas=3)
    team.wait_until_ready()
    old = team.revision()
    steps = canary({"setWeight": 34}, WAIT, {"setWeight": 67}, WAIT)
    with Trace(team) as trace:
        team.make(replicas=3, image=GOOD, rollout=steps)
        found = at_step(team, 1, "Paused")
        new = found["revision"]
        assert team.sizes() == {old: 2, new: 1}
        assert (found["setWeight"], found["actualWeight"]) == (34, 33)
        message = team.wait_for("Progressing", "True", "Paused")
        assert f"headlesscms.io/promote={new}" in message

        team.annotate("promote", new)
        found = at_step(team, 3, "Paused")
        assert team.sizes() == {old: 1, new: 2}
        always(lambda: team.sizes() == {old: 1, new: 2}, "one promotion is one step", seconds=1)

        team.annotate("promote", f"{new}:2")
        team.wait_until_ready()
        eventually(lambda: team.revision() == new, "it is stable")
        eventually(lambda: team.sizes() == {new: 3}, "the old Deployment is gone")
    assert min(trace.serving) >= 3
    assert max(sum(size.values()) for size in trace.sizes) <= 4


def test_a_timed_pause_ends_by_itself(team: Team) -> None:
    team.make(replicas=2)
    team.wait_until_ready()
    team.make(
        replicas=2, image=GOOD, rollout=canary({"setWeight": 50}, {"pause": {"duration": "1s"}})
    )
    eventually(lambda: team.phase() == "Completed", "it is promoted")
    eventually(lambda: team.status()["version"] == "2.0.0", "the new version")


def test_an_aborted_canary_goes_to_zero_and_stays_there_while_n_grows(team: Team) -> None:
    team.make(replicas=3)
    team.wait_until_ready()
    old = team.revision()
    with Trace(team) as trace:
        team.make(replicas=3, image=GOOD, rollout=canary({"setWeight": 67}, WAIT))
        new = at_step(team, 1, "Paused")["revision"]
        team.annotate("abort", new)
        team.wait_for("Stalled", "True", "RolledBack")
        eventually(lambda: team.sizes() == {old: 3}, "stable has all pods")
    assert min(trace.serving) >= 3
    team.kubectl("scale", "hcms/shop", "--replicas=5")
    eventually(lambda: team.sizes() == {old: 5}, "stable grows alone")


def test_a_promotion_that_comes_late_promotes_nothing_else(team: Team) -> None:
    team.make(replicas=2)
    team.wait_until_ready()
    old = team.revision()
    team.make(replicas=2, image=GOOD, rollout=canary({"setWeight": 50}, WAIT))
    at_step(team, 1, "Paused")
    team.annotate("promote", old)
    answer = eventually(
        lambda: [r["outcome"] for r in team.status()["rollout"].get("requests", [])], "an answer"
    )
    assert "refused" in answer[0]
    assert team.status()["rollout"]["phase"] == "Paused"


def test_a_fix_supersedes_a_paused_canary(team: Team) -> None:
    team.make(replicas=3)
    team.wait_until_ready()
    with Trace(team) as trace:
        team.make(replicas=3, image=GOOD, rollout=canary({"setWeight": 34}, WAIT))
        bad = at_step(team, 1, "Paused")["revision"]
        team.make(replicas=3, image=f"{IMAGES}:3.0.0", rollout={"strategy": "RollingUpdate"})
        eventually(lambda: team.status()["version"] == "3.0.0", "the fix is stable")
        eventually(lambda: len(team.sizes()) == 1, "the others are gone")
    assert f"shop-{bad}" in trace.removed
    assert min(trace.serving) >= 3
