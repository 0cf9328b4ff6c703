"""What is known of the database before a request or a release is judged by it."""

import json
from datetime import datetime, timedelta
from typing import Any

import pytest

from cms_operator.api import parse
from cms_operator.api.annotations import MIGRATE
from cms_operator.api.status import ContractStatus, MigrationStatus
from cms_operator.observed.family import Family
from cms_operator.reconcile.migration.outcome import REPORT_PATIENCE
from cms_operator.reconcile.migration.status import expected, known_migration
from cms_operator.reconcile.subject import Subject
from cms_operator.resources import names
from cms_operator.resources.children import migration_job
from tests.support.children import case
from tests.support.specs import SOURCES, manifest
from tests.unit.rollout.pictures import NOON

ASKED = "2026-01-01 after the restore"
HCMS = parse(manifest())
OURS = case(manifest(), SOURCES).sources
JOB = names.contract_job(HCMS.name, "k")
WAITS = MigrationStatus(
    key="k",
    phase="Complete",
    database=migration_job.database(HCMS, OURS),
    oldest_readable=3,
    to_contract=2,
    contract=ContractStatus(phase="Running"),
)


def family(*, ended: bool, told: bool) -> Family:
    """A contract Job, and its pod's report."""
    complete = {
        "conditions": [{"type": "Complete", "status": "True"}],
        "completionTime": NOON.isoformat(),
    }
    report = {"terminated": {"message": json.dumps({"oldestReadable": 5, "toContract": 0})}}
    pod: dict[str, Any] = {
        "metadata": {"name": "p", "labels": {"batch.kubernetes.io/job-name": JOB}},
        "status": {
            "phase": "Succeeded" if told else "Running",
            "containerStatuses": [{"state": report if told else {}}],
        },
    }
    job = {"metadata": {"name": JOB}, "status": complete if ended else {}}
    return Family({"Job": {JOB: job}}, job_pods=(pod,))


def subject(found: Family, now: datetime = NOON) -> Subject:
    return Subject(HCMS, found, {}, now)


def test_a_contract_that_came_to_its_end_while_nobody_looked_is_known() -> None:
    known = known_migration(subject(family(ended=True, told=True)), OURS, WAITS)
    assert known
    assert (known.oldest_readable, known.to_contract) == (5, 0)
    assert known.contract
    assert known.contract.phase == "Complete"


@pytest.mark.parametrize("ended", [True, False])
def test_of_one_without_a_report_yet_nothing_is_said(*, ended: bool) -> None:
    found = family(ended=ended, told=False)
    now = NOON + REPORT_PATIENCE - timedelta(seconds=1)
    assert known_migration(subject(found, now), OURS, WAITS) == WAITS


def test_it_says_nothing_of_another_database() -> None:
    former = WAITS.model_copy(update={"database": "another"})
    known = known_migration(subject(family(ended=True, told=True)), OURS, former)
    assert known
    assert known.oldest_readable is None


def test_a_request_that_is_taken_out_again_asks_for_nothing() -> None:
    """A tool that knows the object from Git alone takes it out."""
    shop = manifest()
    named = {"annotations": {MIGRATE: ASKED}}
    asked = parse({**shop, "metadata": {**shop["metadata"], **named}})
    before = expected(subject(Family()), OURS, None).model_copy(
        update={"phase": "Complete", "oldest_readable": 3}
    )
    present = Subject(asked, Family(), {}, NOON)
    known = known_migration(present, OURS, before)
    assert known
    assert known.oldest_readable is None, "a restore may have brought another schema"
    restored = expected(present, OURS, known)
    assert (restored.phase, restored.request) == ("Pending", ASKED)

    done = restored.model_copy(update={"phase": "Complete", "oldest_readable": 4})
    for found in (present, subject(Family())):
        again = known_migration(found, OURS, done)
        assert again == done
        assert expected(found, OURS, again) == done


def test_before_the_first_migration_nothing_is_known() -> None:
    assert known_migration(subject(Family()), OURS, None) is None
