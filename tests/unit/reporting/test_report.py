"""What an admin reads at 3 a.m., for each situation."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cms_operator.api import HeadlessCMS, parse
from cms_operator.api.conditions import ConditionType, Reason
from cms_operator.api.problem import Problem
from cms_operator.api.status import (
    ContractStatus,
    JobPhase,
    MigrationStatus,
    PinStatus,
    Status,
)
from cms_operator.observed.schema import Schemas
from cms_operator.observed.snapshot import Request, RevisionState, Snapshot
from cms_operator.reporting.events import happenings
from cms_operator.reporting.facts import PATIENCE, Connections, Facts
from cms_operator.reporting.status import build_status
from cms_operator.rollout.decide import decide
from tests.support.specs import manifest
from tests.unit.rollout.pictures import NOON, rollout, snapshot

MIGRATED = MigrationStatus(key="k", phase="Complete", to_version=2, max_connections=97)
OPEN = MIGRATED.model_copy(update={"to_contract": 1})
SERVING = RevisionState(3, 3, 3, 3, 3)
SECRET_AWAY = Problem(Reason.SECRET_NOT_FOUND, "Secret shop-cms does not exist.")
NAME_TAKEN = Problem(Reason.NAME_TAKEN, "Service shop belongs to somebody else.")
PULL = Problem(Reason.IMAGE_PULL_FAILED, "Pod shop-1 cannot pull its image.")


def contracting(phase: JobPhase, message: str | None = None) -> MigrationStatus:
    return OPEN.model_copy(update={"contract": ContractStatus(phase=phase, message=message)})


def shop(**spec: Any) -> HeadlessCMS:
    return parse(manifest(spec))


def facts(snapshot: Snapshot, **found: Any) -> Facts:
    found = {"connections": Connections(82, 97), "migration": MIGRATED, **found}
    return Facts(snapshot=snapshot, decision=decide(snapshot), **found)


def settled(**found: Any) -> Facts:
    return facts(snapshot(3, "a", "a", revisions={"a": SERVING}), **found)


def rolling(candidate: RevisionState, problem: Problem | None = None, **found: Any) -> Facts:
    revisions = {"a": SERVING, "b": candidate}
    return facts(snapshot(3, "b", "a", revisions=revisions, problem=problem), **found)


def status_of(found: Facts, before: Status | None = None, now: datetime = NOON) -> Status:
    return build_status(before or Status(), shop(suspend=found.suspended), found, now)


def condition(status: Status, kind: ConditionType) -> tuple[str, str, str]:
    (found,) = [item for item in status.conditions if item.type == kind]
    return found.status, found.reason, found.message


def test_a_settled_cms_is_ready_and_rests() -> None:
    status = status_of(settled())
    assert condition(status, ConditionType.READY)[:2] == ("True", "Ready")
    assert condition(status, ConditionType.RECONCILING)[:2] == ("False", "Settled")
    assert condition(status, ConditionType.STALLED)[0] == "False"
    assert all(item.message for item in status.conditions), "each condition explains itself"
    assert status.strategy == "RollingUpdate"


def test_a_rollout_is_not_ready_but_available() -> None:
    status = status_of(rolling(RevisionState(3, 3, 1, 1, 1)))
    assert condition(status, ConditionType.READY)[:2] == ("False", "RollingOut")
    assert condition(status, ConditionType.RECONCILING)[0] == "True"
    assert condition(status, ConditionType.AVAILABLE)[0] == "True"
    assert "1 of 3 pods" in condition(status, ConditionType.PROGRESSING)[2]


def test_a_bad_image_is_named_while_the_old_pods_serve() -> None:
    status = status_of(rolling(RevisionState(3, 3), PULL))
    assert condition(status, ConditionType.PROGRESSING) == (
        "False", "ImagePullFailed", "Pod shop-1 cannot pull its image."
    )  # fmt: skip
    assert condition(status, ConditionType.STALLED)[0] == "False", "it may still heal"
    assert condition(status, ConditionType.AVAILABLE)[0] == "True"


def test_a_first_revision_past_its_deadline_is_stalled_and_says_why() -> None:
    late = RevisionState(3, 3, deadline_exceeded=True)
    status = status_of(facts(snapshot(3, "a", revisions={"a": late}, problem=PULL)))
    stalled, reason, message = condition(status, ConditionType.STALLED)
    assert (stalled, reason) == ("True", "DeadlineExceeded")
    assert PULL.message in message
    assert condition(status, ConditionType.RECONCILING)[0] == "False"


def test_a_revision_that_was_taken_back_is_stalled_while_stable_serves() -> None:
    crashed = snapshot(3, "b", "a", revisions={"a": SERVING}, failure="Pod shop-1 has ended.")
    status = status_of(facts(crashed))
    stalled, reason, message = condition(status, ConditionType.STALLED)
    assert (stalled, reason) == ("True", "RolledBack")
    assert message == "Revision b was taken back, a serves. Pod shop-1 has ended."
    assert condition(status, ConditionType.READY)[:2] == ("False", "RolledBack")
    assert condition(status, ConditionType.AVAILABLE)[0] == "True"


def test_a_paused_rollout_says_what_ends_the_pause() -> None:
    spec = rollout(strategy="Canary", canary={"steps": [{"setWeight": 34}, {"pause": {}}]})
    one = RevisionState(1, 1, 1, 1, 1)
    two = RevisionState(2, 2, 2, 2, 2)
    status = status_of(facts(snapshot(3, "b", "a", rollout=spec, revisions={"a": two, "b": one})))
    assert condition(status, ConditionType.PROGRESSING) == (
        "True",
        "Paused",
        (
            "Revision b: 1 of 3 pods are available, 1 get traffic. "
            "Canary, weight 34 % (set: 33 %), "
            "paused at step 2 of 2: promote with headlesscms.io/promote=b."
        ),
    )


PIN = PinStatus(from_revision="b", to_revision="a", by="alice", since=NOON)


def test_a_rollback_that_holds_reports_as_an_aborted_rollout_does() -> None:
    back = facts(snapshot(3, "a", "a", revisions={"a": SERVING}, pin=PIN))
    status = status_of(back)
    for kind in (ConditionType.READY, ConditionType.PROGRESSING):
        assert condition(status, kind)[:2] == ("False", "Pinned")
    stalled, reason, message = condition(status, ConditionType.STALLED)
    assert (stalled, reason) == ("True", "Pinned")
    assert message == (
        "Revision a serves: alice has rolled b back (headlesscms.io/rollback, "
        "2026-01-01T12:00:00Z). Apply another spec, or go on with headlesscms.io/retry=b."
    )
    assert condition(status, ConditionType.AVAILABLE)[0] == "True"
    assert (status.updated_revision, status.stable_revision, status.pin) == ("b", "a", PIN)


@pytest.mark.parametrize(
    ("migration", "verdict"),
    [
        pytest.param(
            MigrationStatus(key="k", phase="Pending"), "Pinned", id="was set aside with it"
        ),
        pytest.param(
            MigrationStatus(key="k", phase="Pending", message="a lock was not free in time"),
            "MigrationFailed",
            id="of a new tenant fails meanwhile",
        ),
    ],
)
def test_a_rollback_says_so_whatever_the_migration_of_what_it_is_from_does(
    migration: MigrationStatus, verdict: str
) -> None:
    back = facts(snapshot(3, "a", "a", revisions={"a": SERVING}, pin=PIN), migration=migration)
    status = status_of(back)
    for kind in (ConditionType.READY, ConditionType.RECONCILING, ConditionType.STALLED):
        found = condition(status, kind)
        assert found[:2] == ("True" if kind is ConditionType.STALLED else "False", "Pinned")
        assert "go on with headlesscms.io/retry=b" in found[2]
    assert condition(status, ConditionType.DATABASE_MIGRATED)[:2] == ("False", verdict)


def test_a_rollback_on_its_way_is_at_work_and_not_stalled() -> None:
    back = facts(snapshot(3, "a", "b", revisions={"b": SERVING, "a": RevisionState(1)}, pin=PIN))
    status = status_of(back)
    assert condition(status, ConditionType.STALLED)[0] == "False"
    assert condition(status, ConditionType.RECONCILING)[:2] == ("True", "RollingOut")
    failed = snapshot(3, "a", "b", revisions={"b": SERVING}, pin=PIN, failure="It crashes.")
    message = condition(status_of(facts(failed)), ConditionType.STALLED)[2]
    assert "It was a rollback by alice: headlesscms.io/retry=b ends it." in message


def test_a_rollout_that_somebody_has_paused_says_who_and_what_ends_it() -> None:
    rolling = snapshot(3, "b", "a", revisions={"a": SERVING})
    held = replace(rolling, requests=(Request("pause", "b", "alice"),))
    message = condition(status_of(facts(held)), ConditionType.PROGRESSING)[2]
    assert message.endswith("paused by alice: resume with headlesscms.io/resume=b.")
    spec = replace(rolling, rollout=rollout(paused=True))
    message = condition(status_of(facts(spec)), ConditionType.PROGRESSING)[2]
    assert message.endswith("held by spec.rollout.paused.")


def test_a_revision_in_its_bake_is_ready_and_still_watched() -> None:
    done = {"a": RevisionState(), "b": SERVING}
    baking = facts(snapshot(3, "b", "a", rollout=rollout(bakeSeconds=60), revisions=done))
    status = status_of(baking)
    assert condition(status, ConditionType.READY)[0] == "True"
    assert condition(status, ConditionType.RECONCILING)[:2] == ("True", "Baking")


def test_scaling_never_makes_it_unready() -> None:
    growing = facts(snapshot(9, "a", "a", revisions={"a": RevisionState(9, 5, 3, 3, 3)}))
    status = status_of(growing)
    assert condition(status, ConditionType.READY)[0] == "True"
    assert condition(status, ConditionType.RECONCILING)[:2] == ("True", "Scaling")


def test_scaled_to_zero_is_what_was_asked_for() -> None:
    status = status_of(facts(snapshot(0, "a", "a", revisions={"a": RevisionState()})))
    assert condition(status, ConditionType.READY)[0] == "True"
    assert condition(status, ConditionType.AVAILABLE)[:2] == ("True", "ScaledToZero")


def test_no_pod_that_answers_is_not_ready() -> None:
    lost = facts(snapshot(3, "a", "a", revisions={"a": RevisionState(3, 3)}))
    status = status_of(lost)
    assert condition(status, ConditionType.READY)[:2] == ("False", "NoPods")


CRASH = Problem(Reason.CRASH_LOOPING, "Pod shop-a-1 has ended 7 times.")
DOWN = {"a": RevisionState(3, 3)}
NEWER_SCHEMA = Schemas({"a": 2, "b": 1}, oldest_readable=2)


@pytest.mark.parametrize(
    "picture",
    [
        pytest.param(snapshot(3, "a", "a", revisions=DOWN, pin=PIN), id="rolled back by hand"),
        pytest.param(snapshot(3, "b", "a", revisions=DOWN, failure="It ended."), id="taken back"),
        pytest.param(snapshot(3, "b", "a", revisions=DOWN, schemas=NEWER_SCHEMA), id="refused"),
    ],
)
def test_a_stable_revision_that_fails_after_a_rollback_is_told_with_its_cause(
    picture: Snapshot,
) -> None:
    status = status_of(facts(picture, stable_problem=CRASH))
    told = ("False", "NoPods", f"0 of 3 wanted pods answer. {CRASH.message}")
    assert condition(status, ConditionType.AVAILABLE) == told
    assert condition(status, ConditionType.READY) == told
    for item in status.conditions:
        assert "a serves" not in item.message, item.type


def test_pods_that_are_away_are_told_with_their_cause_while_others_answer() -> None:
    few = snapshot(3, "b", "a", revisions={"a": RevisionState(3, 3, 1, 1, 1)}, failure="It ended.")
    status = status_of(facts(few, stable_problem=CRASH))
    assert condition(status, ConditionType.AVAILABLE) == (
        "True", "FewerPods", f"1 of 3 wanted pods answer. {CRASH.message}"
    )  # fmt: skip
    assert condition(status, ConditionType.READY)[:2] == ("False", "RolledBack")


@pytest.mark.parametrize(
    ("kind", "problem"), [("secrets_problem", SECRET_AWAY), ("children_problem", NAME_TAKEN)]
)
def test_a_secret_or_a_name_that_comes_a_moment_later_is_no_stall_and_one_that_stays_away_is(
    kind: str, problem: Problem
) -> None:
    found = settled(**{kind: problem})
    first = status_of(found)
    assert condition(first, ConditionType.READY)[:2] == ("False", problem.reason)
    assert condition(first, ConditionType.RECONCILING) == ("True", problem.reason, problem.message)
    assert condition(first, ConditionType.STALLED)[0] == "False"
    later = status_of(found, first, NOON + PATIENCE)
    assert condition(later, ConditionType.STALLED) == ("True", problem.reason, problem.message)


def test_a_failed_migration_stays_failed_while_it_is_tried_again() -> None:
    waiting = snapshot(3, "b", "a", migration="Failed", revisions={"a": SERVING})
    failed = MigrationStatus(key="k", phase="Failed", message="the password was refused")
    again = MigrationStatus(key="k", phase="Running", message="the password was refused")
    for migration in (failed, again):
        status = status_of(facts(waiting, migration=migration))
        verdict = condition(status, ConditionType.DATABASE_MIGRATED)
        assert verdict[:2] == ("False", "MigrationFailed")
        assert "the password was refused" in verdict[2]
        assert condition(status, ConditionType.STALLED)[0] == "True"


def test_a_database_that_refuses_the_image_says_why() -> None:
    waiting = snapshot(3, "b", "a", migration="Failed", revisions={"a": SERVING})
    owned = "The database belongs to the HeadlessCMS team-a/shop."
    refused = MigrationStatus(key="k", phase="Failed", refusal="DatabaseOwned", message=owned)
    status = status_of(facts(waiting, migration=refused))
    for kind in (ConditionType.DATABASE_MIGRATED, ConditionType.STALLED, ConditionType.READY):
        assert condition(status, kind)[1:] == (
            "DatabaseOwned",
            f"The database was left as it is: {owned}",
        )
    assert condition(status, ConditionType.AVAILABLE)[0] == "True"


def test_an_image_that_the_schema_left_behind_is_refused_with_what_to_do() -> None:
    left = snapshot(
        3, "b", "a", schemas=Schemas({"b": 2}, oldest_readable=3), revisions={"a": SERVING}
    )
    status = status_of(facts(left))
    for kind in (
        ConditionType.DATABASE_MIGRATED,
        ConditionType.PROGRESSING,
        ConditionType.STALLED,
        ConditionType.READY,
    ):
        stands, reason, message = condition(status, kind)
        assert (stands, reason) == ("True" if kind == "Stalled" else "False", "SchemaTooNew")
        assert "a serves" in message
        assert "Apply an image made for schema 3 or newer" in message
    assert condition(status, ConditionType.AVAILABLE)[0] == "True"


@pytest.mark.parametrize(
    ("migration", "verdict"),
    [
        (MigrationStatus(key="k", phase="Running"), ("Unknown", "Migrating")),
        (MIGRATED, ("True", "Contracted")),
        (OPEN, ("False", "ContractWaits")),
        (contracting("Running"), ("False", "Contracting")),
        (contracting("Failed", "It is in use."), ("False", "ContractFailed")),
        (contracting("Running", "It is in use."), ("False", "ContractFailed")),
    ],
)
def test_what_there_is_to_contract_is_no_lack_of_ready(
    migration: MigrationStatus, verdict: tuple[str, str]
) -> None:
    status = status_of(settled(migration=migration))
    assert condition(status, ConditionType.SCHEMA_CONTRACTED)[:2] == verdict
    if migration.phase == "Complete":
        assert condition(status, ConditionType.READY)[0] == "True"
        assert condition(status, ConditionType.STALLED)[0] == "False"


@pytest.mark.parametrize(
    ("allowed", "verdict"),
    [
        (None, ("Unknown", "NoReportYet")),
        (82, ("True", "ConnectionsFit")),
        (81, ("False", "TooManyConnections")),
    ],
)
def test_pools_are_held_against_what_the_database_allows(
    allowed: int | None, verdict: tuple[str, str]
) -> None:
    status = status_of(settled(connections=Connections(82, allowed)))
    assert condition(status, ConditionType.CONNECTIONS_FIT)[:2] == verdict
    assert condition(status, ConditionType.READY)[0] == "True", "a warning, not a fault"


def test_while_a_secret_is_away_what_was_known_of_connections_stays() -> None:
    before = status_of(settled(connections=Connections(82, 81)))
    status = status_of(
        settled(secrets_problem=SECRET_AWAY, connections=Connections(None, 81)), before
    )
    verdict = condition(status, ConditionType.CONNECTIONS_FIT)
    assert verdict == condition(before, ConditionType.CONNECTIONS_FIT)
    assert verdict[:2] == ("False", "TooManyConnections")


def test_a_pending_address_is_no_lack_of_ready() -> None:
    status = status_of(settled(address_pending=True))
    assert condition(status, ConditionType.ADDRESS_ASSIGNED)[:2] == ("False", "AddressPending")
    assert condition(status, ConditionType.READY)[0] == "True"


def test_without_a_migration_job_nobody_is_told_to_wait_for_its_report() -> None:
    status = status_of(settled(migration=None, connections=Connections(82)))
    verdict = condition(status, ConditionType.CONNECTIONS_FIT)
    assert verdict[:2] == ("Unknown", "NoReport")
    assert "wait" not in verdict[2]


def test_some_pods_are_enough_to_be_available_and_too_few_to_say_no_more() -> None:
    few = facts(snapshot(3, "a", "a", revisions={"a": RevisionState(3, 3, 1, 1, 1)}))
    assert condition(status_of(few), ConditionType.AVAILABLE) == (
        "True", "FewerPods", "1 of 3 wanted pods answer."
    )  # fmt: skip


def suspended(target: str, **found: Any) -> Status:
    picture = snapshot(3, target, "a", revisions={"a": SERVING}, suspended=True, **found)
    return build_status(Status(), shop(suspend=True), facts(picture), NOON)


def test_a_suspended_cms_that_is_well_stays_ready_and_says_that_nobody_watches() -> None:
    status = suspended("a")
    assert condition(status, ConditionType.READY)[0] == "True"
    assert condition(status, ConditionType.RECONCILING)[:2] == ("False", "Suspended")


def test_a_release_that_a_suspension_holds_back_is_not_told_as_one_that_rolls() -> None:
    status = suspended("b")
    assert condition(status, ConditionType.READY)[:2] == ("False", "Suspended")
    assert condition(status, ConditionType.PROGRESSING)[:2] == ("Unknown", "Suspended")
    assert condition(status, ConditionType.STALLED)[0] == "False"
    assert condition(status, ConditionType.AVAILABLE)[0] == "True"


def test_a_condition_keeps_its_time_while_its_status_stays() -> None:
    first = status_of(settled())
    later = status_of(rolling(RevisionState(3, 3)), first, NOON + timedelta(hours=1))
    times = {item.type: item.last_transition_time for item in later.conditions}
    assert times[ConditionType.AVAILABLE] == NOON
    assert times[ConditionType.READY] == NOON + timedelta(hours=1)


def test_the_same_facts_give_the_same_status_so_that_nothing_is_written() -> None:
    first = status_of(settled())
    assert status_of(settled(), first, NOON + timedelta(hours=1)) == first


def reasons(before: Status, after: Status) -> list[str]:
    return [happening.reason for happening in happenings(before, after)]


def test_the_events_of_a_life() -> None:
    waiting = facts(
        snapshot(3, "a", migration="Pending"),
        migration=MigrationStatus(key="k", phase="Pending"),
        connections=Connections(82),
    )
    new = status_of(waiting)
    starting = status_of(facts(snapshot(3, "a", revisions={"a": RevisionState(3, 3)})), new)
    ready = status_of(settled(), starting)
    bad = status_of(rolling(RevisionState(3, 3), PULL), ready)
    assert reasons(Status(), new) == ["Migrating"]
    assert "NoPods" not in reasons(new, starting), "pods that start are no warning"
    assert "Ready" in reasons(starting, ready)
    assert reasons(ready, ready) == []
    assert [h.severity for h in happenings(ready, bad) if h.reason == "ImagePullFailed"] == [
        "Warning"
    ]


def test_the_loss_of_all_pods_is_an_event() -> None:
    ready = status_of(settled())
    lost = status_of(facts(snapshot(3, "a", "a", revisions={"a": RevisionState(3, 3)})), ready)
    assert "NoPods" in reasons(ready, lost)


counts = st.integers(0, 4)
states = st.builds(RevisionState, counts, counts, counts, counts, counts, st.booleans())
snapshots = st.builds(
    Snapshot,
    replicas=counts,
    target=st.sampled_from("ab"),
    now=st.just(NOON),
    stable=st.sampled_from([None, "a"]),
    rollout=st.sampled_from([rollout(), rollout(strategy="BlueGreen"), rollout(paused=True)]),
    migration=st.sampled_from([None, *get_args(JobPhase)]),
    suspended=st.booleans(),
    schemas=st.sampled_from([Schemas(), Schemas({"a": 2, "b": 1}, oldest_readable=2)]),
    revisions=st.dictionaries(st.sampled_from("abc"), states, max_size=3),
    failure=st.sampled_from(["", "It crashes."]),
    problem=st.sampled_from([None, PULL]),
    pin=st.sampled_from([None, PIN]),
)


@given(snapshots, st.sampled_from([None, SECRET_AWAY]))
def test_kstatus_is_never_contradictory(snapshot: Snapshot, secrets: Problem | None) -> None:
    first = status_of(facts(snapshot, secrets_problem=secrets))
    for now in (NOON, NOON + PATIENCE):
        status = status_of(facts(snapshot, secrets_problem=secrets), first, now)
        ready = condition(status, ConditionType.READY)[0] == "True"
        stalled = condition(status, ConditionType.STALLED)[0] == "True"
        reconciling = condition(status, ConditionType.RECONCILING)[0] == "True"
        assert not (stalled and reconciling)
        assert not (stalled and ready)
        held = snapshot.suspended
        assert ready or stalled or reconciling or held, "somebody is at work, or must be"
