"""A BlueGreen: complete beside the old one, then all the traffic at once."""

from tests.controlplane.api import Object
from tests.controlplane.team import IMAGES, Team, always, eventually
from tests.controlplane.tracing import REVISION, Trace

GOOD = f"{IMAGES}:2.0.0"
NEVER_READY = f"{IMAGES}:never-ready"


def blue_green(**settings: object) -> Object:
    return {"strategy": "BlueGreen", "blueGreen": {"scaleDownDelaySeconds": 2, **settings}}


def selected(team: Team, service: str = "shop") -> str:
    return str(team.the("service", service)["spec"]["selector"].get(REVISION, ""))


def test_traffic_is_switched_when_all_new_pods_are_ready(team: Team) -> None:
    rollout = blue_green(scaleDownDelaySeconds=10)
    team.make(replicas=3, rollout=rollout)
    team.wait_until_ready()
    old = team.revision()
    assert selected(team) == old
    with Trace(team, service="shop") as trace:
        team.make(replicas=3, image=f"{IMAGES}:slow-start", rollout=rollout)
        eventually(lambda: team.phase() == "Completed", "it is promoted")
        new = team.revision()
        assert selected(team) == new
        assert team.sizes() == {old: 3, new: 3}, "the old one is kept for a way back"
        eventually(lambda: team.sizes() == {new: 3}, "and goes after its delay")
    assert min(trace.serving) >= 3
    assert max(sum(size.values()) for size in trace.sizes) <= 6


def test_the_switch_waits_for_a_person(team: Team) -> None:
    rollout = blue_green(autoPromotionEnabled=False)
    team.make(replicas=2, rollout=rollout)
    team.wait_until_ready()
    old = team.revision()
    team.make(replicas=2, image=GOOD, rollout=rollout)
    eventually(lambda: team.phase() == "Paused", "it waits")
    new = team.status()["updatedRevision"]
    assert (selected(team), selected(team, "shop-preview")) == (old, new)
    assert team.status()["replicas"] == 2, "the autoscaler sees those alone that get traffic"
    assert new not in team.status()["selector"]
    always(lambda: selected(team) == old, "no switch", seconds=1)
    team.annotate("promote", new)
    eventually(lambda: selected(team) == new, "the switch")
    eventually(lambda: team.phase() == "Completed", "it is promoted")


def test_one_that_is_never_ready_gets_no_request(team: Team) -> None:
    team.make(replicas=2, rollout=blue_green())
    team.wait_until_ready()
    old = team.revision()
    with Trace(team, service="shop") as trace:
        team.make(
            replicas=2, image=NEVER_READY, rollout=blue_green() | {"progressDeadlineSeconds": 3}
        )
        team.wait_for("Stalled", "True", "RolledBack")
        eventually(lambda: team.sizes() == {old: 2}, "the candidate is gone")
    assert selected(team) == old
    assert min(trace.serving) >= 2


def test_an_abort_after_the_switch_is_instant(team: Team) -> None:
    team.make(replicas=2, rollout=blue_green())
    team.wait_until_ready()
    old, pods = team.revision(), team.pods()
    with Trace(team, service="shop") as trace:
        team.make(replicas=2, image=GOOD, rollout=blue_green() | {"bakeSeconds": 600})
        eventually(lambda: team.phase() == "Baking", "it has the traffic")
        new = team.status()["updatedRevision"]
        assert selected(team) == new
        team.annotate("abort", new)
        eventually(lambda: selected(team) == old, "the traffic is back")
        eventually(lambda: team.sizes() == {old: 2}, "the candidate is gone")
    assert team.pods() == pods, "no pod had to start"
    assert min(trace.serving) >= 2


def test_the_way_back_within_the_delay_starts_no_pod(team: Team) -> None:
    rollout = blue_green(scaleDownDelaySeconds=600, autoPromotionSeconds=3600)
    team.make(replicas=2, rollout=rollout)
    team.wait_until_ready()
    old, pods = team.revision(), team.pods()
    team.make(replicas=2, image=GOOD, rollout=rollout)
    eventually(lambda: team.phase() == "Paused", "it waits an hour")
    new = team.status()["updatedRevision"]
    team.annotate("promote", new)
    eventually(lambda: team.phase() == "Completed", "it is promoted")
    team.make(replicas=2, rollout=rollout)
    eventually(lambda: selected(team) == old, "back without the pause")
    assert pods <= team.pods()
    eventually(lambda: team.revision() == old, "it is stable again")


def test_another_strategy_at_rest_takes_the_preview_away(team: Team) -> None:
    team.make(replicas=1, rollout=blue_green())
    team.wait_until_ready()
    assert selected(team, "shop-preview") == team.revision()
    team.make(replicas=1)
    eventually(lambda: team.get("service", "shop-preview") is None, "the preview is gone")
    assert selected(team) == "", "the Service takes every revision again"
    team.wait_until_ready()
