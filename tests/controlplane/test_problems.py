"""Each trouble shows as a condition that says what to do, and heals when its cause goes."""

from typing import Any

import pytest

from tests.controlplane.operator_process import OperatorProcess
from tests.controlplane.team import IMAGES, SOURCE, Team, eventually

PODS_FATES = [
    ("missing", "ImagePullFailed", "spec.imagePullSecrets"),
    ("crashes", "CrashLooping", "exit code 3"),
    ("hungry", "OutOfMemory", "spec.resources.limits.memory"),
]


@pytest.mark.parametrize("watched", [True, False], ids=["labelled", "without the label"])
def test_a_missing_source_secret_is_told_and_heals_when_it_is_made(
    team: Team, *, watched: bool
) -> None:
    team.make(replicas=1, secretName="later")
    message = team.wait_for("SecretsReady", "False", "SecretNotFound")
    assert '"later"' in message
    assert team.condition("Ready")[:2] == ("False", "SecretNotFound")
    team.wait_for_event("SecretNotFound")
    assert team.names("deployment") == set()
    team.write_secret("later", SOURCE, watched=watched)
    team.wait_until_ready()
    assert team.condition("SecretsReady")[0] == "True"


def test_all_that_is_wrong_in_a_secret_is_told_at_once(team: Team) -> None:
    team.write_secret("source", {"database-url": "mysql://owner:first-password@db/cms"})
    team.patch("secret", "source", {"data": {"redis-url": None}})
    team.make(replicas=1)
    message = team.wait_for("SecretsReady", "False")
    assert "must begin with postgresql://" in message
    assert '"redis-url"' in message
    team.write_secret("source", SOURCE)
    team.wait_until_ready()


def test_a_secret_that_vanishes_later_harms_no_pod(team: Team) -> None:
    team.make(replicas=2)
    team.wait_until_ready()
    pods = team.pods()
    team.delete("secret", "source")
    team.wait_for("SecretsReady", "False", "SecretNotFound")
    assert team.condition("Available")[0] == "True"
    team.delete("service", "shop")
    eventually(lambda: "shop" in team.names("service"), "drift is put right all the same")
    assert team.pods() == pods
    team.write_secret("source", SOURCE)
    team.wait_until_ready()
    assert team.pods() == pods


def test_no_secret_shows_in_status_events_configuration_or_log(
    team: Team, operator: OperatorProcess
) -> None:
    words = ["pass-Word-1", "pass-Word-2", "pass-Word-3"]
    good = {
        "database-url": f"postgresql://owner:{words[0]}@db.example:5432/cms",
        "redis-url": f"redis://:{words[1]}@redis.example:6379/0",
        "jwt-secret": words[2] * 4,
    }
    bad = [
        {"database-url": f"postgresql://owner:{words[0]}@db.example:port/cms"},
        {"database-url": f"postgresql://owner:{words[0]}@/cms?{words[0]}=1"},
        {"redis-url": f"http://:{words[1]}@redis.example"},
        {"jwt-secret": words[2]},
    ]
    for wrong in bad:
        team.write_secret("source", good | wrong)
        team.make(replicas=1)
        team.wait_for("SecretsReady", "False", "SecretValueInvalid")
    team.write_secret("source", good)
    team.wait_until_ready()
    generated = team.read_secret("shop-database")["password"]
    kinds = "headlesscmses,events,deployments,jobs,configmaps,controllerrevisions,pods"
    shown = team.kubectl("get", kinds, "-o", "yaml") + operator.log.read_text()
    for word in (*words, generated):
        assert word not in shown


@pytest.mark.parametrize(("fate", "reason", "advice"), PODS_FATES)
def test_pods_that_cannot_run_tell_why_and_a_better_image_heals(
    team: Team, fate: str, reason: str, advice: str
) -> None:
    team.make(replicas=1, migration={"enabled": False}, image=f"{IMAGES}:{fate}")
    assert advice in team.wait_for("Progressing", "False", reason)
    assert team.condition("Ready")[0] == "False"
    team.wait_for_event(reason)
    team.make(replicas=1, migration={"enabled": False})
    team.wait_until_ready()
    assert team.condition("Progressing")[:2] == ("True", "RolledOut")


@pytest.mark.parametrize("migrated", [True, False], ids=["with a migration", "serving pods"])
def test_an_image_that_appears_later_heals_all_by_itself(team: Team, *, migrated: bool) -> None:
    team.make(replicas=1, migration={"enabled": migrated}, image=f"{IMAGES}:missing")
    about = "DatabaseMigrated" if migrated else "Progressing"
    team.wait_for(about, "False", "ImagePullFailed")
    generation = team.the("headlesscms", "shop")["metadata"]["generation"]
    if migrated:
        push(team)
        team.wait_for("DatabaseMigrated", "True")
        team.wait_for("Progressing", "False", "ImagePullFailed")
    push(team)
    team.wait_until_ready()
    assert team.condition("Progressing")[:2] == ("True", "RolledOut")
    assert team.the("headlesscms", "shop")["metadata"]["generation"] == generation


def push(team: Team) -> None:
    """Let these pods pull their image from now on; the stage image-is-pulled plays the kubelet."""
    for pod in team.all("pod"):
        change = {"metadata": {"annotations": {"registry.example/pushed": "true"}}}
        team.patch("pod", pod["metadata"]["name"], change)


def test_a_bad_release_tells_why_while_the_stable_pods_serve_on(team: Team) -> None:
    team.make(replicas=2, migration={"enabled": False})
    team.wait_until_ready()
    pods = team.pods()
    team.make(replicas=2, migration={"enabled": False}, image=f"{IMAGES}:missing")
    team.wait_for("Progressing", "False", "ImagePullFailed")
    assert team.condition("Available")[:2] == ("True", "EnoughPods")
    assert pods < team.pods()


def test_a_migration_whose_image_cannot_be_pulled_says_so(team: Team) -> None:
    """The first pod of a new image is that of the migration."""
    team.make(replicas=1, image=f"{IMAGES}:missing")
    message = team.wait_for("DatabaseMigrated", "False", "ImagePullFailed")
    assert "spec.image" in message
    assert team.condition("Ready")[:2] == ("False", "ImagePullFailed")
    team.wait_for_event("ImagePullFailed")
    team.make(replicas=1)
    team.wait_until_ready()


def test_no_node_that_fits_is_told_and_heals(team: Team) -> None:
    team.make(replicas=1)
    team.wait_until_ready()
    team.make(replicas=1, resources={"requests": {"cpu": "999"}, "limits": {"cpu": "999"}})
    team.wait_for("Progressing", "False", "Unschedulable")
    team.wait_for_event("Unschedulable")
    assert team.condition("Available")[0] == "True"
    team.make(replicas=1)
    team.wait_until_ready()


def test_a_node_that_becomes_free_heals_all_by_itself(team: Team) -> None:
    team.make(replicas=1)
    team.wait_until_ready()
    old = team.revision()
    nodes = ("-l", "kubernetes.io/os=linux")
    team.kubectl("cordon", *nodes)
    try:
        # Without a migration, so that it is the serving pods that find no node.
        team.make(replicas=1, migration={"enabled": False}, logLevel="debug")
        message = team.wait_for("Progressing", "False", "Unschedulable")
        assert "No node takes pod shop-" in message
        team.wait_for_event("Unschedulable")
        assert team.condition("Available")[0] == "True"
    finally:
        team.kubectl("uncordon", *nodes)
    team.wait_until_ready()
    assert team.revision() != old


def test_a_migration_that_no_node_takes_says_so(team: Team) -> None:
    team.make(replicas=1, pod={"nodeSelector": {"disk": "none"}})
    team.wait_for("DatabaseMigrated", "False", "Unschedulable")
    team.wait_for_event("Unschedulable")
    team.make(replicas=1)
    team.wait_until_ready()


def quota(**hard: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "limit"},
        "spec": {"hard": {name.replace("_", "."): value for name, value in hard.items()}},
    }


def test_a_quota_that_refuses_pods_is_told_and_heals(team: Team) -> None:
    team.apply(quota(pods="2"))
    eventually(lambda: team.the("resourcequota", "limit").get("status"), "the quota counts")
    team.make(replicas=4)
    message = team.wait_for("Progressing", "False", "QuotaExceeded")
    assert "quota" in message
    team.wait_for_event("QuotaExceeded")
    team.apply(quota(pods="20"))
    # The ReplicaSet controller tries again after as long as it was refused, which is not long here.
    team.wait_until_ready()
    assert len(team.pods()) == 4


def test_a_quota_that_refuses_the_migrations_pod_is_told_and_heals(team: Team) -> None:
    team.apply(quota(pods="0"))
    eventually(lambda: team.the("resourcequota", "limit").get("status"), "the quota counts")
    team.make(replicas=1)
    message = team.wait_for("DatabaseMigrated", "False", "PodsRefused")
    (job,) = team.names("job")
    assert f"kubectl describe job {job}" in message
    assert team.the("job", job)["status"]["startTime"], "its controller has tried"
    assert team.condition("Ready")[:2] == ("False", "PodsRefused")
    team.wait_for_event("PodsRefused")
    team.apply(quota(pods="20"))
    team.wait_until_ready(seconds=180)


def test_a_quota_that_refuses_a_child_is_told_and_heals(team: Team) -> None:
    team.apply(quota(services_loadbalancers="0"))
    eventually(lambda: team.the("resourcequota", "limit").get("status"), "the quota counts")
    team.make(replicas=1)
    message = team.wait_for("ChildrenOwned", "False", "QuotaExceeded")
    assert "Service" in message
    team.wait_for_event("QuotaExceeded")
    eventually(lambda: len(team.pods()) == 1, "the other children are made all the same")
    team.delete("resourcequota", "limit")
    team.wait_until_ready()


def test_a_failed_migration_tells_the_jobs_sentence_and_leaves_the_stable_pods(
    team: Team,
) -> None:
    team.make(replicas=2)
    team.wait_until_ready()
    pods = team.pods()
    team.make(replicas=2, image=f"{IMAGES}:bad-migration")
    message = team.wait_for("DatabaseMigrated", "False", "MigrationFailed", seconds=120)
    assert 'column "slug" does not exist' in message
    assert team.condition("Stalled")[:2] == ("True", "MigrationFailed")
    assert team.condition("Available")[0] == "True"
    team.wait_for_event("MigrationFailed")
    assert team.pods() == pods

    failed = team.status()["migration"]["key"]
    (job,) = [name for name in team.names("job") if failed in name]
    team.delete("job", job)
    eventually(lambda: job in team.names("job"), "a deleted Job is made again")
    team.make(replicas=2, image=f"{IMAGES}:2.0.0")
    team.wait_until_ready()
    assert team.status()["migration"]["phase"] == "Complete"


def test_pools_that_cannot_fit_the_database_are_told_and_heal(team: Team) -> None:
    team.make(replicas=3, database={"poolSize": 100})
    message = team.wait_for("ConnectionsFit", "False", "TooManyConnections")
    assert "197" in message
    team.wait_until_ready()
    team.wait_for_event("TooManyConnections")
    team.make(replicas=3, database={"poolSize": 10})
    team.wait_for("ConnectionsFit", "True")
    team.wait_until_ready()


def test_a_pending_address_is_no_lack_of_readiness(team: Team) -> None:
    team.make(replicas=1)
    team.wait_until_ready()
    assert team.condition("AddressAssigned")[:2] == ("False", "AddressPending")
    assert "address" not in team.status()
    given = {"status": {"loadBalancer": {"ingress": [{"ip": "203.0.113.7"}]}}}
    team.patch("service", "shop", given, subresource="status")
    team.wait_for("AddressAssigned", "True")
    assert team.status()["address"] == "203.0.113.7"
    team.make(replicas=1, service={"type": "ClusterIP"})
    eventually(
        lambda: team.status()["address"] == f"shop.{team.namespace}.svc", "the name in the cluster"
    )
