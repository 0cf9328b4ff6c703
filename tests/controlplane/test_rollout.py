"""A new revision takes over when it serves, and not before."""

from functools import partial

from tests.controlplane.api import Object
from tests.controlplane.team import IMAGES, Team, always, eventually
from tests.controlplane.tracing import Trace

SLOW = f"{IMAGES}:slow-start"
NEVER_READY = f"{IMAGES}:never-ready"


def candidate(team: Team) -> str:
    """The Deployment of the revision that the spec asks for, once there is one."""
    stable = f"shop-{team.revision()}"
    return next(iter(team.names("deployment") - {stable}), "")


def sizes(team: Team) -> dict[str, int]:
    return {
        found["metadata"]["name"]: found["spec"]["replicas"] for found in team.all("deployment")
    }


def has_pods(team: Team, count: int) -> bool:
    return len(team.pods()) == count


def test_the_old_pods_go_only_when_as_many_new_ones_serve(team: Team) -> None:
    team.make()
    team.wait_until_ready()
    old = f"shop-{team.revision()}"
    with Trace(team) as trace:
        team.make(image=SLOW)
        eventually(lambda: team.status()["version"] == "slow-start", "the new version")
        eventually(lambda: trace.removed, "the old Deployment is removed")
        team.wait_until_ready()
        eventually(lambda: trace.serving[-1] == 3, "only the new pods serve")
    new = f"shop-{team.revision()}"
    assert (trace.made, trace.removed) == ([old, new], [old])
    assert min(trace.serving) >= 3
    (at_removal,) = trace.serving_at_removal
    assert at_removal[team.revision()] >= 3
    assert max(sum(size.values()) for size in trace.sizes) <= 6


def test_ready_says_what_is_going_on(team: Team) -> None:
    team.make(replicas=2)
    team.wait_until_ready()
    team.make(replicas=2, image=NEVER_READY)
    message = team.wait_for("Progressing", "True", "RollingOut")
    assert "0 of 2 pods are available" in message
    assert team.condition("Ready")[0] == "False"
    assert team.condition("Reconciling")[0] == "True"
    assert team.condition("Available")[:2] == ("True", "EnoughPods")
    assert team.status()["version"] == "1.0.0"


def test_a_newer_spec_supersedes_a_candidate_that_is_starting(team: Team) -> None:
    team.make(replicas=2)
    team.wait_until_ready()
    stable = f"shop-{team.revision()}"
    with Trace(team) as trace:
        team.make(replicas=2, image=NEVER_READY)
        bad = eventually(lambda: candidate(team), "a candidate")
        team.make(replicas=2, image=f"{IMAGES}:3.0.0")
        team.wait_until_ready()
        eventually(lambda: len(trace.removed) == 2, "both are removed")
    assert trace.removed == [bad, stable]
    assert min(trace.serving) >= 2
    assert team.status()["version"] == "3.0.0"


def test_going_back_to_the_stable_spec_ends_the_rollout_and_starts_no_pod(team: Team) -> None:
    team.make(replicas=2)
    team.wait_until_ready()
    pods = team.pods()
    team.make(replicas=2, image=NEVER_READY)
    eventually(lambda: len(team.pods()) == 4, "the candidate's pods")
    with Trace(team) as trace:
        team.make(replicas=2)
        team.wait_until_ready()
        eventually(lambda: team.pods() == pods, "the candidate is gone")
    assert min(trace.serving) >= 2


def test_a_candidate_that_never_becomes_ready_leaves_the_stable_pods_alone(team: Team) -> None:
    team.make(replicas=3)
    team.wait_until_ready()
    pods = team.pods()
    team.make(
        replicas=3, image=NEVER_READY, rollout={"progressDeadlineSeconds": 3, "minReadySeconds": 0}
    )
    message = team.wait_for("Stalled", "True", "DeadlineExceeded")
    assert "progressDeadlineSeconds" in message
    assert team.condition("Ready")[0] == "False"
    always(lambda: pods <= team.pods(), "the stable pods stay", seconds=2)
    team.wait_for_event("DeadlineExceeded")

    team.make(replicas=3, image=f"{IMAGES}:1.0.1")
    team.wait_until_ready()
    assert team.condition("Stalled")[0] == "False"


def test_kubectl_scale_is_followed_in_the_middle_of_a_rollout(team: Team) -> None:
    team.make(replicas=2)
    team.wait_until_ready()
    old = f"shop-{team.revision()}"
    team.make(replicas=2, image=NEVER_READY)
    new = eventually(lambda: candidate(team), "a candidate")
    team.kubectl("scale", "hcms/shop", "--replicas=4")
    eventually(lambda: sizes(team) == {old: 4, new: 4}, "both follow")
    eventually(lambda: team.status()["readyReplicas"] == 4, "stable has four")


def test_a_scale_makes_no_revision_and_never_turns_ready_false(team: Team) -> None:
    team.make(replicas=2)
    team.wait_until_ready()
    revisions = team.names("controllerrevision")
    seen: list[str] = []

    def see(_: str, found: Object) -> None:
        conditions = found.get("status", {}).get("conditions", [])
        seen.extend(c["status"] for c in conditions if c["type"] == "Ready")

    with team.watch("headlesscms", see):
        for size in (5, 1, 3):
            team.kubectl("scale", "hcms/shop", f"--replicas={size}")
            eventually(partial(has_pods, team, size), f"{size} pods")
            team.wait_until_ready()
    assert set(seen) == {"True"}
    assert team.names("controllerrevision") == revisions
    assert team.the("headlesscms", "shop")["spec"]["replicas"] == 3


def test_scaled_to_zero_it_rests_and_comes_back(team: Team) -> None:
    team.make(replicas=0)
    team.wait_until_ready()
    assert team.condition("Available")[:2] == ("True", "ScaledToZero")
    assert team.pods() == set()
    team.make(replicas=0, image=f"{IMAGES}:2.0.0")
    eventually(lambda: team.status().get("version") == "2.0.0", "the new version")
    team.wait_until_ready()
    assert len(team.all("deployment")) == 1
    team.kubectl("scale", "hcms/shop", "--replicas=1")
    team.wait_until_ready()
    eventually(lambda: len(team.pods()) == 1, "one pod")


def test_one_pod_is_replaced_without_a_gap(team: Team) -> None:
    team.make(replicas=1)
    team.wait_until_ready()
    with Trace(team) as trace:
        team.make(replicas=1, image=SLOW)
        eventually(lambda: trace.removed, "the old Deployment is removed")
        team.wait_until_ready()
    assert min(trace.serving) >= 1


def test_pods_start_only_after_their_migration(team: Team) -> None:
    team.make(replicas=2)
    team.wait_until_ready()
    pods = team.pods()
    team.make(replicas=2, image=f"{IMAGES}:slow-migration")
    team.wait_for("DatabaseMigrated", "False", "Migrating")
    eventually(lambda: len(team.all("job")) == 1, "the new Job alone")
    always(lambda: team.pods() == pods, "no pod of the new revision", seconds=2)


def test_a_hand_on_the_old_deployment_in_the_middle_of_a_rollout_is_put_right(team: Team) -> None:
    team.make(replicas=2)
    team.wait_until_ready()
    old = f"shop-{team.revision()}"
    team.make(replicas=2, image=NEVER_READY)
    eventually(lambda: candidate(team), "a candidate")
    team.patch("deployment", old, {"spec": {"replicas": 0}})
    eventually(lambda: team.the("deployment", old)["spec"]["replicas"] == 2, "two are wanted again")
    eventually(lambda: team.status()["readyReplicas"] == 2, "two serve again")
