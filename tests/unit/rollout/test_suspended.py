"""Suspended: nothing is decided, and the time counts against nobody."""

from dataclasses import replace
from datetime import timedelta
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cms_operator.api.annotations import Verb
from cms_operator.api.fields.rollout import Rollout
from cms_operator.observed.snapshot import Request, RevisionState, Snapshot
from cms_operator.rollout.decide import decide
from cms_operator.rollout.decision import DecisionPhase
from cms_operator.rollout.transitions import is_in_flight
from tests.unit.rollout.pictures import later, rollout, serving, snapshot, starting
from tests.unit.rollout.test_invariants import SPECS, a_world, disturb, disturbances

HOURS = 7200
DEADLINE = rollout(progressDeadlineSeconds=600)


def after(picture: Snapshot, seconds: float = 0, **found: Any) -> Snapshot:
    """The picture at a later time, with what was reported of it."""
    decision = decide(picture)
    return replace(
        picture,
        now=later(seconds),
        stable=decision.stable,
        progress=decision.progress,
        **found,
    )


def test_a_release_that_waited_for_the_end_of_a_suspension_has_its_whole_time() -> None:
    waiting = snapshot(3, "b", "a", rollout=DEADLINE, revisions={"a": serving(3)}, suspended=True)
    resumed = after(waiting, HOURS, suspended=False)
    decision = decide(resumed)
    assert decision.phase is DecisionPhase.PROGRESSING
    assert decision.sizes["b"] > 0


def test_a_suspension_in_the_middle_of_a_rollout_does_not_count_against_it() -> None:
    pods = {"a": serving(3), "b": starting(1)}
    rolling = snapshot(3, "b", "a", rollout=DEADLINE, revisions=pods)
    held = after(after(rolling, 1, suspended=True), HOURS)
    resumed = after(held, HOURS, suspended=False)
    assert decide(resumed).phase is DecisionPhase.PROGRESSING
    late = after(resumed, HOURS + 601)
    assert decide(late).phase is DecisionPhase.ABORTED, "afterwards its time runs again"


def judged(picture: Snapshot) -> Snapshot:
    """The same with what was measured last: nothing new."""
    found = picture.progress.analysis if picture.progress else None
    return replace(picture, judgement=found)


BAKE = rollout(strategy="RollingUpdate", bakeSeconds=600, analysis={"noDataSeconds": 600})
PAUSE = rollout(strategy="Canary", canary={"steps": [{"pause": {"duration": 600}}]})
SWITCH = rollout(strategy="BlueGreen", blueGreen={"autoPromotionSeconds": 600})
NO_DATA = rollout(
    strategy="Canary",
    canary={"steps": [{"setWeight": 34}, {"analysis": {}}]},
    analysis={"noDataSeconds": 600, "onNoData": "Fail"},
)


@pytest.mark.parametrize(
    ("spec", "stable", "candidate"),
    [
        pytest.param(BAKE, RevisionState(), serving(3), id="a bake"),
        pytest.param(PAUSE, serving(3), RevisionState(), id="a pause"),
        pytest.param(
            SWITCH, serving(3), RevisionState(3, 3, 3, 3, preview=3), id="a pause before the switch"
        ),
        pytest.param(NO_DATA, serving(2), serving(1), id="an analysis"),
    ],
)
def test_what_was_left_of_it_when_it_was_suspended_is_left_when_it_goes_on(
    spec: Rollout, stable: RevisionState, candidate: RevisionState
) -> None:
    begun = snapshot(3, "b", "a", rollout=spec, revisions={"a": stable, "b": candidate})
    phase = decide(begun).phase
    assert decide(begun).again == 600
    held = after(after(begun, 200, suspended=True), HOURS)
    resumed = after(held, HOURS + 200, suspended=False)
    for found in (resumed, after(judged(resumed), HOURS + 200)):
        decision = decide(judged(found))
        assert (decision.phase, decision.again) == (phase, 400)
    assert decide(judged(after(judged(resumed), HOURS + 600))).phase is not phase


def test_what_is_suspended_twice_stands_both_times() -> None:
    pods = {"a": RevisionState(), "b": serving(3)}
    baking = snapshot(3, "b", "a", rollout=BAKE, revisions=pods)
    once = after(after(after(baking, 100, suspended=True), 1100), 1100, suspended=False)
    twice = after(after(after(once, 1300, suspended=True), 2300), 2300, suspended=False)
    assert decide(twice).again == 300


def test_a_migration_in_the_middle_of_a_rollout_does_not_count_against_it() -> None:
    rolling = snapshot(3, "b", "a", rollout=DEADLINE, revisions={"a": serving(3)})
    migrating = after(rolling, 1, migration="Running")
    assert decide(migrating).phase is DecisionPhase.MIGRATING
    migrated = after(migrating, HOURS, migration="Complete")
    assert decide(migrated).phase is DecisionPhase.PROGRESSING


@pytest.mark.parametrize("failure", ["", "Its pods have ended twice."])
@pytest.mark.parametrize("verb", get_args(Verb))
def test_no_request_is_answered_and_no_failure_judged(verb: Verb, failure: str) -> None:
    pods = {"a": serving(2), "b": serving(1)}
    rolling = snapshot(3, "b", "a", rollout=rollout(strategy="Canary"), revisions=pods)
    asked = (Request(verb, "b"),)
    asked_of = after(rolling, 1, suspended=True, requests=asked, failure=failure)
    held = after(asked_of, 1)
    decision = decide(held)
    assert decision.phase is DecisionPhase.SUSPENDED
    assert decision.progress == held.progress


@given(st.integers(0, 5), st.integers(0, 5), st.sampled_from(["a", "b"]))
def test_no_pod_is_added_or_taken(stable: int, candidate: int, target: str) -> None:
    pods = {"a": serving(stable), "b": starting(candidate)}
    decision = decide(snapshot(3, target, "a", revisions=pods, suspended=True))
    assert dict(decision.sizes) == {"a": stable, "b": candidate}
    assert decision.retire == ()
    assert decision.again is None


@given(SPECS, st.integers(0, 5), disturbances(0), st.data())
def test_whenever_a_rollout_is_suspended_it_goes_on_as_if_no_time_had_passed(
    spec: Any, replicas: int, events: list[tuple[str, Any]], data: st.DataObject
) -> None:
    world = a_world(spec, replicas, data)
    for kind, value in events:
        disturb(world, kind, value)
    now = world.snapshot()
    held = decide(replace(now, suspended=True))
    hour_later = replace(now, progress=held.progress, now=now.now + timedelta(hours=1))
    expected, found = decide(now), decide(hour_later)
    late = expected.progress is not None and "No progress" in str(expected.progress.message)
    if is_in_flight(now.progress) and not late:
        assert (found.phase, found.sizes, found.active, found.stable) == (
            expected.phase, expected.sizes, expected.active, expected.stable
        )  # fmt: skip
