"""Schema and release: what is taken from the database, when, and what is refused afterwards."""

import json
from typing import Self

import pytest

from tests.controlplane.api import Object
from tests.controlplane.operator_process import OperatorProcess
from tests.controlplane.team import IMAGES, Team, always, eventually

CONTRACTS = f"{IMAGES}:contracts"
FAILS = f"{IMAGES}:contract-fails"
WAITS = f"{IMAGES}:contract-waits"
NEWER = f"{IMAGES}:1.1.0"
SLOW = f"{IMAGES}:slow-migration"


class Jobs:
    """Each Job that is made, with the stable revision and the Deployments of that moment."""

    def __init__(self, team: Team) -> None:
        self.team = team
        self.made: list[tuple[str, str, set[str]]] = []
        self._watch = team.watch("job", self._see)

    def _see(self, change: str, job: Object) -> None:
        if change == "ADDED":
            name = job["metadata"]["name"]
            self.made.append((name, self.team.revision(), self.team.names("deployment")))

    def contracts(self) -> list[tuple[str, set[str]]]:
        return [made[1:] for made in self.made if made[0].startswith("shop-contract-")]

    def __enter__(self) -> Self:
        self._watch.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._watch.__exit__(None, None, None)


def released(team: Team, image: str) -> str:
    """Its revision, once it is stable."""
    eventually(lambda: team.status().get("version") == image.rpartition(":")[2], "it is stable")
    team.wait_until_ready()
    return team.revision()


@pytest.mark.parametrize("strategy", ["RollingUpdate", "BlueGreen"])
def test_the_contract_comes_after_the_bake_when_the_new_revision_is_alone(
    team: Team, strategy: str
) -> None:
    team.make(replicas=2)
    team.wait_until_ready()
    old = team.revision()
    keep = {"blueGreen": {"scaleDownDelaySeconds": 3}} if strategy == "BlueGreen" else {}
    rollout = {"strategy": strategy, "bakeSeconds": 10, **keep}
    with Jobs(team) as jobs:
        team.make(replicas=2, image=CONTRACTS, rollout=rollout)
        team.wait_for("Progressing", "True", "Baking")
        team.wait_for("SchemaContracted", "False", "ContractWaits")
        assert jobs.contracts() == []
        new = released(team, CONTRACTS)
        team.wait_for("SchemaContracted", "True", "Contracted", seconds=120)
    assert jobs.contracts() == [(new, {f"shop-{new}"})], "once, when it was stable and alone"
    assert len({name for name, _, _ in jobs.made}) == len(jobs.made), "the expand Job too"
    status = team.status()
    assert status["migration"]["oldestReadable"] == 3
    assert {found["name"]: found["schemaVersion"] for found in status["revisions"]} == {
        old: 2,
        new: 3,
    }


def test_after_the_contract_an_older_image_is_refused_and_stable_serves_on(team: Team) -> None:
    team.make(replicas=2)
    team.wait_until_ready()
    team.make(replicas=2, image=CONTRACTS)
    stable = released(team, CONTRACTS)
    team.wait_for("SchemaContracted", "True", "Contracted", seconds=120)
    pods, jobs = team.pods(), team.names("job")

    team.make(replicas=2)
    message = team.wait_for("Stalled", "True", "SchemaTooNew")
    assert "made for schema 2, the database works with images for schema 3 or newer" in message
    assert team.condition("Ready")[:2] == ("False", "SchemaTooNew")
    assert team.condition("Available")[0] == "True"
    team.wait_for_event("SchemaTooNew")
    always(lambda: team.pods() == pods and team.names("job") == jobs, "nothing moves", seconds=3)
    assert team.revision() == stable

    team.make(replicas=2, image=CONTRACTS)
    team.wait_until_ready()
    assert (team.pods(), team.names("job")) == (pods, jobs), "back without a migration"


def test_an_aborted_candidate_contracts_nothing_and_the_way_back_stays_open(team: Team) -> None:
    team.make(replicas=2)
    team.wait_until_ready()
    with Jobs(team) as jobs:
        steps = [{"setWeight": 50}, {"pause": {}}]
        canary = {"strategy": "Canary", "canary": {"steps": steps}}
        team.make(replicas=2, image=CONTRACTS, rollout=canary)
        team.wait_for("Progressing", "True", "Paused")
        team.annotate("abort", team.status()["rollout"]["revision"])
        team.wait_for("Stalled", "True", "RolledBack")
        eventually(lambda: len(team.names("deployment")) == 1, "the candidate is gone")
        always(lambda: jobs.contracts() == [], "no contract", seconds=4)
        team.wait_for("SchemaContracted", "False", "ContractWaits")
        team.make(replicas=2)
        team.wait_until_ready()
        always(lambda: jobs.contracts() == [], "no contract", seconds=3)
    assert team.condition("SchemaContracted")[:2] == ("True", "Contracted")


def test_a_contract_that_fails_harms_nothing_and_a_corrected_image_makes_up_for_it(
    team: Team,
) -> None:
    team.make(replicas=2, image=FAILS)
    team.wait_until_ready()
    pods = team.pods()
    message = team.wait_for("SchemaContracted", "False", "ContractFailed", seconds=120)
    assert 'column "slug" is in use. Mend the data' in message
    assert team.condition("Ready")[0] == "True"
    team.wait_for_event("ContractFailed")
    assert team.pods() == pods
    assert any(name.startswith("shop-contract-") for name in team.names("job")), "for its logs"
    team.make(replicas=2, image=CONTRACTS)
    released(team, CONTRACTS)
    team.wait_for("SchemaContracted", "True", "Contracted", seconds=120)


def test_a_rollback_ends_the_contract_that_is_under_way_before_its_pods_start(team: Team) -> None:
    team.make(replicas=2)
    team.wait_until_ready()
    old = team.revision()
    team.make(replicas=2, image=WAITS)
    new = released(team, WAITS)

    def contracts() -> bool:
        return any(name.startswith("shop-contract-") for name in team.names("job"))

    eventually(contracts, "its contract is under way")
    late: list[str] = []

    def see(_: str, found: Object) -> None:
        if found["metadata"]["name"] == f"shop-{old}" and found["spec"]["replicas"] and contracts():
            late.append("pods of the old revision beside the contract")

    with team.watch("deployment", see):
        team.annotate("rollback", f"{new}:{old}")
        eventually(lambda: team.revision() == old, "the old revision is stable")
    team.wait_for("Progressing", "False", "Pinned")
    always(lambda: not contracts(), "nothing is contracted while the rollback holds", seconds=3)
    assert not late
    assert team.condition("SchemaContracted")[:2] == ("False", "ContractWaits")


def test_a_rollback_past_a_contract_that_ended_while_the_operator_was_away_is_refused(
    team: Team, operator: OperatorProcess
) -> None:
    team.make(replicas=2)
    team.wait_until_ready()
    old = team.revision()
    team.make(replicas=2, image=WAITS)
    new = released(team, WAITS)

    def contract() -> Object | None:
        pods = [pod for pod in team.all("pod") if "shop-contract-" in pod["metadata"]["name"]]
        return next((pod for pod in pods if pod["status"]["phase"] == "Running"), None)

    pod = eventually(contract, "its contract is under way")
    assert pod
    serving = team.pods()
    operator.stop()
    report = {"from": 3, "to": 3, "oldestReadable": 3, "schemaVersion": 3, "toContract": 0}
    ended = {"exitCode": 0, "message": json.dumps(report)}
    (container,) = pod["status"]["containerStatuses"]
    statuses = [{**container, "ready": False, "state": {"terminated": ended}}]
    change = {"status": {"phase": "Succeeded", "containerStatuses": statuses}}
    team.patch("pod", pod["metadata"]["name"], change, "status")

    def is_over() -> bool:
        jobs = [job for job in team.all("job") if "-contract-" in job["metadata"]["name"]]
        return any("completionTime" in job.get("status", {}) for job in jobs)

    eventually(is_over, "the Job is over")
    team.annotate("rollback", f"{new}:{old}")
    operator.start()
    (answer,) = eventually(
        lambda: team.status().get("rollout", {}).get("requests"), "the request is answered"
    )
    assert answer["outcome"].startswith("refused: its image was made for schema 2"), answer
    team.wait_for("SchemaContracted", "True", "Contracted")
    assert (team.revision(), team.pods()) == (new, serving)
    assert team.condition("Ready")[0] == "True"


def test_a_rollback_ends_a_migration_that_does_not_come_to_its_end_until_it_is_tried_again(
    team: Team,
) -> None:
    team.make(replicas=2)
    team.wait_until_ready()
    old, pods = team.revision(), team.pods()

    def migrates() -> bool:
        images = [pod["spec"]["containers"][0]["image"] for pod in team.all("pod")]
        return SLOW in images

    team.make(replicas=2, image=SLOW)
    eventually(migrates, "its migration is under way")
    team.wait_for("DatabaseMigrated", "False", "Migrating")
    new = team.status()["updatedRevision"]
    team.annotate("rollback", f"{new}:{old}")
    team.wait_for("Stalled", "True", "Pinned")
    assert team.condition("Ready")[:2] == ("False", "Pinned")
    assert team.condition("DatabaseMigrated")[:2] == ("False", "Pinned")
    eventually(lambda: not migrates(), "the migration is ended")
    always(lambda: not migrates(), "it is not begun again", seconds=3)
    assert (team.revision(), team.pods()) == (old, pods)

    team.annotate("retry", new)
    eventually(migrates, "it is tried again")
    team.wait_for("DatabaseMigrated", "False", "Migrating")


def test_a_new_tenant_is_made_also_while_a_rollback_holds(team: Team) -> None:
    team.make(replicas=1)
    team.wait_until_ready()
    old = team.revision()
    team.make(replicas=1, image=NEWER)
    new = released(team, NEWER)
    team.annotate("rollback", f"{new}:{old}")
    eventually(lambda: team.revision() == old, "the old revision is stable")
    jobs = team.names("job")
    tenants = [{"name": "acme", "ownerEmail": "a@example.com"}]
    team.make(replicas=1, image=NEWER, tenants=tenants)
    eventually(lambda: team.names("job") - jobs, "a Job that makes it")
    team.wait_for("DatabaseMigrated", "True", "Migrated")
    assert team.condition("Stalled")[:2] == ("True", "Pinned")
    assert team.revision() == old


def test_the_database_of_another_is_refused_once_and_taken_over_on_purpose(team: Team) -> None:
    team.make(replicas=2)
    team.wait_until_ready()
    pods = team.pods()
    team.make(replicas=2, image=f"{IMAGES}:owned")
    message = team.wait_for("DatabaseMigrated", "False", "DatabaseOwned")
    assert "belongs to the HeadlessCMS team-a/shop" in message
    assert team.condition("Stalled")[:2] == ("True", "DatabaseOwned")
    team.wait_for_event("DatabaseOwned")
    assert team.pods() == pods
    (refused,) = team.all("job")
    assert refused["status"]["failed"] == 1, "another attempt would be refused as well"

    def variables() -> list[Object]:
        found: list[Object] = [
            variable
            for job in team.all("job")
            for variable in job["spec"]["template"]["spec"]["containers"][0]["env"]
        ]
        return found

    assert {"name": "DATABASE_OWNER", "value": f"{team.namespace}/shop"} in variables()
    team.annotate("take-over-database", "team-a/shop")
    taken = {"name": "DATABASE_TAKE_OVER_FROM", "value": "team-a/shop"}
    # What fails for another reason is tried again after a minute.
    eventually(lambda: taken in variables(), "asked again at once", seconds=45)


def test_a_migration_that_is_asked_otherwise_waits_for_the_end_of_the_one_before(
    team: Team,
) -> None:
    team.make(replicas=1, image=SLOW)
    team.wait_for("DatabaseMigrated", "False", "Migrating")
    alive: list[int] = []

    def see(_: str, __: Object) -> None:
        migrating = [
            pod
            for pod in team.all("pod")
            if pod["metadata"]["labels"]["app.kubernetes.io/component"] == "migration"
            and pod["status"]["phase"] in ("Pending", "Running")
        ]
        alive.append(len(migrating))

    with team.watch("pod", see):
        team.make(replicas=1)
        team.wait_until_ready()
    assert alive
    assert max(alive) <= 1, "never two at once"
