"""A RollingUpdate: a few pods at a time, and none of the old ones before a new one serves."""

from functools import partial

from tests.controlplane.api import Object
from tests.controlplane.team import IMAGES, LONG_PATIENCE, Team, always, eventually
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


def test_pods_change_places_one_by_one_within_the_surge(team: Team) -> None:
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
    assert max(sum(size.values()) for size in trace.sizes) <= 4
    assert [size[old] for size in trace.sizes if old in size][-1] == 0


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
    eventually(lambda: len(team.pods()) == 3, "the candidate's pod")
    with Trace(team) as trace:
        team.make(replicas=2)
        team.wait_until_ready()
        eventually(lambda: team.pods() == pods, "the candidate is gone")
    assert min(trace.serving) >= 2


def test_a_candidate_that_never_becomes_ready_is_taken_back(team: Team) -> None:
    team.make(replicas=3)
    team.wait_until_ready()
    stable, pods = f"shop-{team.revision()}", team.pods()
    with Trace(team) as trace:
        team.make(image=NEVER_READY, rollout={"progressDeadlineSeconds": 3})
        message = team.wait_for("Stalled", "True", "RolledBack")
        eventually(lambda: team.names("deployment") == {stable}, "the candidate is gone")
    assert "progressDeadlineSeconds (3 s)" in message
    assert team.condition("Ready")[:2] == ("False", "RolledBack")
    assert team.condition("Available")[:2] == ("True", "EnoughPods")
    assert min(trace.serving) >= 3
    assert team.status()["rollout"]["phase"] == "Aborted"
    team.wait_for_event("RolledBack")
    always(lambda: team.pods() == pods, "it stays away, and the stable pods stay", seconds=4)

    team.make(image=f"{IMAGES}:1.0.1")
    team.wait_until_ready()
    assert team.condition("Stalled")[0] == "False"


def test_a_rollout_that_was_taken_back_is_tried_again_on_request(team: Team) -> None:
    team.make(replicas=1)
    team.wait_until_ready()
    team.make(replicas=1, image=NEVER_READY, rollout={"progressDeadlineSeconds": 5})
    team.wait_for("Stalled", "True", "RolledBack")
    bad = team.status()["updatedRevision"]
    team.annotate("retry", bad)
    eventually(lambda: team.status()["rollout"]["phase"] == "Progressing", "it is tried again")
    team.wait_for("Stalled", "True", "RolledBack")


def test_a_crash_in_the_bake_takes_the_revision_back(team: Team) -> None:
    team.make(replicas=2)
    team.wait_until_ready()
    stable = team.revision()
    with Trace(team) as trace:
        team.make(replicas=2, image=f"{IMAGES}:crashes", rollout={"bakeSeconds": 600})
        message = team.wait_for("Stalled", "True", "RolledBack")
        eventually(lambda: team.names("deployment") == {f"shop-{stable}"}, "the candidate is gone")
    assert "has ended" in message
    assert min(trace.serving) >= 2
    assert team.revision() == stable


def test_the_bake_ends_with_the_promotion(team: Team) -> None:
    team.make(replicas=2)
    team.wait_until_ready()
    stable = team.revision()
    team.make(replicas=2, image=f"{IMAGES}:2.0.0", rollout={"bakeSeconds": 10})
    team.wait_for("Progressing", "True", "Baking")
    assert team.condition("Ready")[0] == "True"
    assert team.condition("Reconciling")[0] == "True"
    assert team.revision() == stable, "it counts as stable only after its bake"
    assert team.the("deployment", f"shop-{stable}")["spec"]["replicas"] == 0
    eventually(lambda: team.status()["rollout"]["phase"] == "Completed", "it is promoted")
    eventually(lambda: len(team.names("deployment")) == 1, "the old Deployment is gone")
    assert team.revision() != stable


def test_a_paused_rollout_stays_where_it_is(team: Team) -> None:
    team.make(replicas=3)
    team.wait_until_ready()
    team.make(replicas=3, image=f"{IMAGES}:2.0.0", rollout={"paused": True})
    team.wait_for("Progressing", "True", "Paused")
    always(lambda: len(team.pods()) <= 4, "no more than the surge", seconds=2)
    assert team.status()["stableRevision"] != team.status()["updatedRevision"]
    team.make(replicas=3, image=f"{IMAGES}:2.0.0")
    team.wait_until_ready()
    eventually(lambda: team.status()["version"] == "2.0.0", "it went on")


def test_kubectl_scale_is_followed_in_the_middle_of_a_rollout(team: Team) -> None:
    team.make(replicas=2)
    team.wait_until_ready()
    old = f"shop-{team.revision()}"
    team.make(replicas=2, image=NEVER_READY)
    eventually(lambda: candidate(team), "a candidate")
    team.kubectl("scale", "hcms/shop", "--replicas=4")
    eventually(lambda: sizes(team).get(old) == 4, "stable follows")
    eventually(lambda: team.status()["readyReplicas"] == 4, "and serves", LONG_PATIENCE)


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
    eventually(lambda: len(team.all("deployment")) == 1, "the old one goes")
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
    eventually(lambda: team.status()["readyReplicas"] == 2, "two serve again", LONG_PATIENCE)
