"""Suspended, deleted, made again."""

import time

import pytest

from tests.controlplane.team import IMAGES, LONG_PATIENCE, OF_THE_USERS, Team, always, eventually

TENANTS = [{"name": "acme", "ownerEmail": "owner@acme.example"}]


def test_deletion_leaves_nothing_behind(team: Team) -> None:
    team.make(
        replicas=2,
        autoscaling={},
        tenants=TENANTS,
        route={"host": "cms.example.com", "ingress": {"className": "nginx"}},
    )
    team.wait_until_ready()
    team.kubectl("delete", "hcms", "shop")
    team.wait_until_gone()
    assert "source" in team.names("secret")


@pytest.mark.parametrize("kind", ["secret", "job", "deployment"])
def test_deleted_in_the_middle_of_its_creation_it_leaves_nothing(team: Team, kind: str) -> None:
    team.make(tenants=TENANTS)
    eventually(lambda: team.names(kind) - OF_THE_USERS, f"its {kind}")
    team.delete("headlesscms", "shop")
    team.wait_until_gone()
    always(lambda: not team.left_over(), "nothing comes back", seconds=1)


def test_made_again_under_its_old_name_it_becomes_ready(team: Team) -> None:
    team.make(replicas=2)
    team.wait_until_ready()
    uid, pods = team.the("headlesscms", "shop")["metadata"]["uid"], team.pods()
    team.delete("headlesscms", "shop")
    team.make(replicas=2)
    team.wait_until_ready(seconds=LONG_PATIENCE)
    eventually(lambda: len(team.pods()) == 2, "two pods")
    assert not team.pods() & pods
    eventually(lambda: uid not in team.owners(), "nothing of the first is left", LONG_PATIENCE)


def test_a_restart_of_an_earlier_life_is_not_carried_out_again(team: Team) -> None:
    """Its annotation stands in Git or in a backup; that it was answered stood in the status."""
    team.make(replicas=1)
    team.wait_until_ready()
    revision = team.revision()
    team.annotate("restart", revision)
    eventually(lambda: team.revision() != revision, "it is restarted")
    team.delete("headlesscms", "shop")
    eventually(lambda: not team.left_over(), "nothing of it is left")
    team.make(replicas=1, suspend=True)
    team.annotate("restart", revision)
    team.make(replicas=1)
    team.wait_until_ready()
    (answer,) = team.status()["rollout"]["requests"]
    assert (answer["verb"], answer["value"]) == ("restart", revision)
    assert answer["outcome"] == "refused: there was no stable revision yet"
    assert "restart" not in team.status()
    assert team.revision() == revision


def test_made_again_while_a_child_of_the_first_waits_for_its_finalizer_it_serves_and_says_so(
    team: Team,
) -> None:
    """The finalizer is like a load balancer's, which the cloud takes its time to remove."""
    balancer = "example.com/balancer"
    team.make(replicas=1)
    team.wait_until_ready()
    team.patch("service", "shop", {"metadata": {"finalizers": [balancer]}})
    team.delete("headlesscms", "shop")
    kept = {"service", "endpointslice"}
    eventually(lambda: kinds_of(team.left_over()) <= kept, "the rest goes", LONG_PATIENCE)
    team.make(replicas=1)
    message = team.wait_for("ChildrenOwned", "False", "StillEnding")
    assert f"Service shop was deleted and has not gone: it waits for its finalizers {balancer}" in (
        message
    )
    eventually(team.pods, "its pods start all the same")
    assert team.condition("Ready")[:2] == ("False", "StillEnding")
    team.patch("service", "shop", {"metadata": {"finalizers": None}})
    team.wait_until_ready()


def kinds_of(objects: set[str]) -> set[str]:
    return {name.partition("/")[0] for name in objects}


def test_suspended_nothing_is_changed_and_traffic_goes_on(team: Team) -> None:
    team.make(replicas=2)
    team.wait_until_ready()
    pods = team.pods()
    team.make(replicas=2, suspend=True)
    team.wait_for("Reconciling", "False", "Suspended")
    team.patch("service", "shop", {"spec": {"type": "ClusterIP"}})
    team.make(replicas=3, suspend=True, image=f"{IMAGES}:2.0.0")
    team.wait_for("Reconciling", "False", "Suspended")
    always(lambda: team.pods() == pods, "the pods stay", seconds=2)
    assert team.the("service", "shop")["spec"]["type"] == "ClusterIP"
    assert team.condition("Available")[0] == "True"
    team.make(replicas=3, image=f"{IMAGES}:2.0.0")
    team.wait_until_ready()
    assert team.the("service", "shop")["spec"]["type"] == "LoadBalancer"
    eventually(lambda: len(team.pods()) == 3, "three new pods")


def test_a_release_waits_for_the_end_of_a_suspension_and_then_has_its_whole_time(
    team: Team,
) -> None:
    patience = {"progressDeadlineSeconds": 12}
    team.make(replicas=1, rollout=patience)
    team.wait_until_ready()
    team.make(replicas=1, rollout=patience, suspend=True, image=f"{IMAGES}:2.0.0")
    message = team.wait_for("Progressing", "Unknown", "Suspended")
    assert "0 of 1 pods" in message
    assert team.condition("Ready")[:2] == ("False", "Suspended")
    # What wakes the operator in the meantime must not let the rollout's time run.
    time.sleep(13)
    team.annotate("abort", team.status()["updatedRevision"])
    team.make(replicas=2, rollout=patience, suspend=True, image=f"{IMAGES}:2.0.0")
    eventually(lambda: "0 of 2 pods" in team.condition("Progressing")[2], "it looks at it since")
    assert team.status().get("rollout", {}).get("phase") != "Aborted"
    team.patch("headlesscms", "shop", {"metadata": {"annotations": {"headlesscms.io/abort": None}}})
    team.make(replicas=1, rollout=patience, image=f"{IMAGES}:2.0.0")
    team.wait_until_ready()
    assert team.status()["version"] == "2.0.0"


def test_one_that_was_never_anything_but_suspended_has_no_children(team: Team) -> None:
    team.make(suspend=True)
    team.wait_for("Reconciling", "False", "Suspended")
    always(lambda: team.left_over() == {"headlesscms/shop"}, "no child", seconds=1)


def test_a_status_that_was_wiped_is_found_again(team: Team) -> None:
    team.make(replicas=2)
    team.wait_until_ready()
    pods, before = team.pods(), team.status()
    team.patch("headlesscms", "shop", {"status": None}, subresource="status")
    team.wait_until_ready()
    assert team.pods() == pods
    assert team.status()["stableRevision"] == before["stableRevision"]
    assert team.status()["jwtKeys"]["generation"] == before["jwtKeys"]["generation"]
