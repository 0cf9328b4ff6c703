"""Canary: a growing share, a pause after each, by the ratio of pods."""

from typing import Any

import pytest

from cms_operator.api.annotations import Verb
from cms_operator.api.fields.rollout import RollbackWindow, seconds
from cms_operator.api.status import RolloutStatus
from cms_operator.observed.snapshot import Request
from cms_operator.rollout.decision import Decision, DecisionPhase
from tests.unit.rollout.pictures import later, picture, rollout, serving, starting

STEPS = [
    {"setWeight": 34},
    {"pause": {"duration": "1m"}},
    {"setWeight": 67},
    {"pause": {}},
]
CANARY = rollout(strategy="Canary", canary={"steps": STEPS})


def at(a: int, b: int, **found: Any) -> Decision:
    found = {"rollout": CANARY, **found}
    return picture(3, "b", "a", revisions={"a": serving(a), "b": serving(b)}, **found)


def progress(decision: Decision) -> RolloutStatus:
    assert decision.progress is not None
    return decision.progress


def asked(verb: Verb, value: str = "b") -> tuple[Request, ...]:
    return (Request(verb, value),)


def test_it_goes_step_by_step_to_the_end() -> None:
    first = at(3, 0)
    assert (first.sizes, progress(first).set_weight) == ({"a": 3, "b": 1}, 34)
    one_third = at(2, 1, progress=first.progress)
    assert (one_third.phase, one_third.again) == (DecisionPhase.PAUSED, 60)
    assert progress(one_third).current_step_index == 1
    assert progress(one_third).actual_weight == 33
    two_thirds = at(2, 1, progress=one_third.progress, now=later(60))
    assert two_thirds.sizes == {"a": 2, "b": 2}
    waiting = at(1, 2, progress=two_thirds.progress, now=later(70))
    assert (waiting.phase, waiting.again, waiting.sizes) == (
        DecisionPhase.PAUSED,
        None,
        {"a": 1, "b": 2},
    )
    promoted = at(1, 2, progress=waiting.progress, requests=asked("promote"), now=later(80))
    assert promoted.sizes == {"a": 1, "b": 3}
    done = at(0, 3, progress=promoted.progress, now=later(90))
    assert (done.phase, done.stable) == (DecisionPhase.HEALTHY, "b")


def test_a_request_is_done_once() -> None:
    paused = at(2, 1, progress=at(3, 0).progress)
    promoted = at(2, 1, progress=paused.progress, requests=asked("promote"))
    assert progress(promoted).current_step_index == 2
    waiting = at(1, 2, progress=promoted.progress, requests=asked("promote"))
    assert (waiting.phase, progress(waiting).current_step_index) == (DecisionPhase.PAUSED, 3)
    again = at(1, 2, progress=waiting.progress, requests=asked("promote", "b:2"))
    assert progress(again).current_step_index == 4


@pytest.mark.parametrize(
    ("verb", "value", "outcome"),
    [
        ("promote", "other", "refused: the rollout is of revision b"),
        ("retry", "b", "refused: only an aborted rollout can be tried again"),
        ("abort", "b", "aborted"),
        ("promote-full", "b", "promoted past all steps"),
        ("promote", "b", "promoted past step 2"),
        ("pause", "b", "paused until it is resumed"),
        ("resume", "b", "refused: nobody has paused it; promote ends a step"),
    ],
)
def test_each_request_has_its_answer(verb: Verb, value: str, outcome: str) -> None:
    paused = at(2, 1, progress=at(3, 0).progress)
    found = progress(at(2, 1, progress=paused.progress, requests=asked(verb, value)))
    assert [answered.outcome for answered in found.requests] == [outcome]


def test_a_request_in_the_wrong_moment_is_refused_with_the_reason() -> None:
    found = progress(at(3, 0, requests=asked("promote")))
    assert found.requests[0].outcome == "refused: it is Progressing, there is no pause to end"
    held = CANARY.model_copy(update={"paused": True})
    paused = at(2, 1, progress=at(3, 0).progress)
    found = progress(at(2, 1, progress=paused.progress, requests=asked("promote"), rollout=held))
    assert found.requests[0].outcome == "refused: spec.rollout.paused is true"


def test_paused_by_a_person_it_stays_where_it_is_until_resumed() -> None:
    one_third = at(2, 1, progress=at(3, 0).progress)
    held = at(2, 1, progress=one_third.progress, requests=asked("pause"))
    assert (progress(held).held_by, held.again) == ("unverified", None)
    hours = at(2, 1, progress=held.progress, now=later(9999))
    assert (hours.phase, hours.sizes) == (DecisionPhase.PAUSED, {"a": 2, "b": 1})
    for verb in ("promote", "promote-full"):
        late = progress(at(2, 1, progress=hours.progress, requests=asked(verb)))
        assert late.requests[-1].outcome == "refused: it was paused by unverified; resume it first"
    twice = progress(at(2, 1, progress=hours.progress, requests=asked("pause", "b:2")))
    assert twice.requests[-1].outcome == "refused: it was paused by unverified already"
    resumed = at(2, 1, progress=hours.progress, requests=asked("resume"), now=later(9999))
    assert (resumed.phase, resumed.sizes) == (DecisionPhase.PROGRESSING, {"a": 2, "b": 2})


def test_a_pause_outlives_other_steps_and_ends_with_its_rollout() -> None:
    held = at(2, 1, progress=at(3, 0).progress, requests=asked("pause"))
    other = rollout(strategy="Canary", canary={"steps": [{"setWeight": 67}, {"pause": {}}]})
    assert progress(at(2, 1, progress=held.progress, rollout=other)).held_by == "unverified"
    aborted = at(2, 1, progress=held.progress, requests=asked("abort"))
    assert progress(aborted).held_by is None
    fixed = picture(3, "c", "a", revisions={"a": serving(3)}, progress=held.progress)
    assert progress(fixed).held_by is None


def test_a_bake_that_is_paused_has_no_end() -> None:
    spec = rollout(bakeSeconds=60)
    baking = at(0, 3, progress=at(3, 0, rollout=spec).progress, rollout=spec)
    assert baking.phase is DecisionPhase.BAKING
    held = at(0, 3, progress=baking.progress, rollout=spec, requests=asked("pause"), now=later(9))
    hours = at(0, 3, progress=held.progress, rollout=spec, now=later(9999))
    assert (hours.phase, hours.stable, hours.again) == (DecisionPhase.BAKING, "a", None)
    resumed = at(
        0, 3, progress=hours.progress, rollout=spec, requests=asked("resume", "b"), now=later(9999)
    )
    assert resumed.stable == "b"


def test_promoted_in_full_it_goes_on_within_the_surge() -> None:
    paused = at(2, 1, progress=at(3, 0).progress)
    full = at(2, 1, progress=paused.progress, requests=asked("promote-full"))
    assert full.sizes == {"a": 2, "b": 2}
    assert progress(full).set_weight == 100


def test_an_abort_brings_stable_back_one_for_one() -> None:
    paused = at(1, 2, progress=at(3, 0).progress)
    aborted = at(1, 2, progress=paused.progress, requests=asked("abort"))
    assert (aborted.phase, aborted.sizes) == (DecisionPhase.ABORTED, {"a": 2, "b": 2})
    assert at(2, 2, progress=aborted.progress).sizes == {"a": 2, "b": 1}
    assert progress(aborted).set_weight == 0


def test_other_steps_in_the_middle_begin_anew() -> None:
    paused = at(2, 1, progress=at(3, 0).progress)
    other = rollout(strategy="Canary", canary={"steps": [{"setWeight": 67}, {"pause": {}}]})
    decision = at(2, 1, progress=paused.progress, rollout=other)
    assert (decision.sizes, progress(decision).current_step_index) == ({"a": 2, "b": 2}, 0)


@pytest.mark.parametrize("verb", ["promote", "promote-full", "pause"])
def test_what_is_asked_while_the_steps_are_edited_is_done_once(verb: Verb) -> None:
    """Both are seen in one pass, and nobody who asked has seen the new steps."""
    other = rollout(strategy="Canary", canary={"steps": [{"setWeight": 34}, {"pause": {}}]})
    paused = at(2, 1, progress=at(3, 0).progress)
    edited = at(2, 1, progress=paused.progress, rollout=other, requests=asked(verb))
    again = at(2, 1, progress=edited.progress, rollout=other, requests=asked(verb))
    assert (edited.phase, again.phase) == (DecisionPhase.PAUSED, DecisionPhase.PAUSED)
    (answered,) = progress(again).requests
    assert not answered.outcome.startswith("refused")


def test_who_aborts_and_then_wants_it_tried_again_has_the_last_word() -> None:
    """The operator was away when both were asked."""
    both = (*asked("abort", "b:1"), *asked("retry", "b:2"))
    first = at(2, 1, progress=at(3, 0).progress, requests=both)
    second = at(2, 1, progress=first.progress, requests=both)
    assert second.phase is not DecisionPhase.ABORTED
    assert [given.verb for given in progress(second).requests] == ["abort", "retry"]


def test_another_strategy_counts_for_the_next_rollout() -> None:
    paused = at(2, 1, progress=at(3, 0).progress)
    switched = at(2, 1, progress=paused.progress, rollout=rollout(strategy="BlueGreen"))
    assert progress(switched).strategy == "Canary"
    assert switched.active is None


def test_a_pod_lost_in_a_pause_is_given_until_the_deadline() -> None:
    paused = at(1, 2, progress=at(3, 0).progress)
    limping = {"a": serving(1), "b": starting(2, 1)}
    lost = picture(3, "b", "a", revisions=limping, rollout=CANARY, progress=paused.progress)
    assert lost.sizes["a"] == 2, "stable makes up for it"
    assert lost.again is not None


def test_the_way_back_to_the_one_before_has_no_pauses() -> None:
    done = at(
        0, 3, progress=at(1, 2, requests=asked("promote-full"), progress=at(3, 0).progress).progress
    )
    assert progress(done).phase == "Completed"
    after = {"revisions": {"b": serving(3)}, "progress": done.progress, "formerly": ("a", "z")}
    back = picture(3, "a", "b", rollout=CANARY, **after)
    assert progress(back).set_weight == 100
    for other in ("c", "z"):
        assert progress(picture(3, other, "b", rollout=CANARY, **after)).set_weight == 34
    wide = CANARY.model_copy(update={"rollback_window": RollbackWindow(revisions=2)})
    assert progress(picture(3, "z", "b", rollout=wide, **after)).set_weight == 100


@pytest.mark.parametrize(
    ("written", "meant"), [(5, 5), ("5", 5), ("30s", 30), ("5m", 300), ("1h", 3600), ("x", -1)]
)
def test_pauses_are_written_as_in_argo_rollouts(written: int | str, meant: int) -> None:
    assert seconds(written) == meant
