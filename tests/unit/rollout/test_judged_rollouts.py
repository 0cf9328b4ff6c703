"""What a verdict makes of a rollout, in each strategy."""

from dataclasses import replace
from typing import Any

import pytest

from cms_operator.api.analysis_status import AnalysisStatus
from cms_operator.api.annotations import Verb
from cms_operator.api.fields.rollout import Rollout
from cms_operator.api.status import RolloutPhase, RolloutStatus, Status
from cms_operator.observed.snapshot import Request, RevisionState, Snapshot
from cms_operator.reporting.events import happenings
from cms_operator.rollout.decide import decide
from cms_operator.rollout.decision import Decision, DecisionPhase
from cms_operator.rollout.steps import count, is_judged_now, is_measured
from tests.unit.rollout.pictures import NOON, later, rollout, serving, snapshot

BEHIND_PREVIEW = RevisionState(3, 3, 3, 3, endpoints=0, preview=3)
SWITCHED = {"a": RevisionState(3, 3, 3, 3), "b": RevisionState(3, 3, 3, 3, 3, preview=3)}
WARM = {"a": serving(3), "b": BEHIND_PREVIEW}
STEP = rollout(
    strategy="Canary",
    canary={"steps": [{"setWeight": 34}, {"analysis": {}}, {"setWeight": 67}]},
)
MINUTES = {"intervalSeconds": 60}
AFTER_THE_SWITCH = {"postPromotionAnalysis": {"count": 40}}
ONE_THIRD = {"a": serving(2), "b": serving(1)}
TWO_THIRDS = {"a": serving(1), "b": serving(2)}
ALL = {"a": serving(0), "b": serving(3)}


def blue_green(**settings: Any) -> Rollout:
    return rollout(strategy="BlueGreen", blueGreen=settings)


def measured(verdict: str, measurements: int = 3, samples: int = 100, **found: Any) -> Any:
    return AnalysisStatus.model_validate(
        {
            "since": NOON,
            "verdict": verdict,
            "message": "errors: 5 % of the candidate.",
            "measurements": measurements,
            "samples": samples,
            **found,
        },
        strict=False,
    )


def progress(decision: Decision) -> RolloutStatus:
    assert decision.progress is not None
    return decision.progress


class Story:
    """One rollout from a to b; each part goes on from where the last one left it."""

    def __init__(self, spec: Rollout) -> None:
        self.picture: Snapshot = snapshot(
            3, "b", "a", rollout=spec, revisions={"a": serving(3), "b": serving(0)}
        )
        self.decision = decide(self.picture)

    def then(
        self,
        revisions: dict[str, RevisionState],
        judgement: AnalysisStatus | None = None,
        seconds: float = 0,
        verb: Verb | None = None,
    ) -> Decision:
        self.picture = replace(
            self.picture,
            revisions=revisions,
            progress=self.decision.progress,
            judgement=judgement,
            now=later(seconds),
            requests=(Request(verb, "b"),) if verb else (),
        )
        self.decision = decide(self.picture)
        return self.decision


@pytest.mark.parametrize(
    ("spec", "revisions"),
    [
        pytest.param(rollout(bakeSeconds=60), ONE_THIRD, id="RollingUpdate"),
        pytest.param(rollout(bakeSeconds=60), ALL, id="RollingUpdate, in the bake"),
        pytest.param(rollout(strategy="Canary"), ONE_THIRD, id="Canary, in a pause"),
        pytest.param(STEP, ONE_THIRD, id="Canary, in an analysis"),
        pytest.param(blue_green(autoPromotionEnabled=False), WARM, id="BlueGreen, behind preview"),
        pytest.param(rollout(bakeSeconds=60, strategy="BlueGreen"), SWITCHED, id="switched"),
        pytest.param(rollout(paused=True), ONE_THIRD, id="held"),
    ],
)
def test_what_was_measured_to_be_worse_is_taken_back(
    spec: Rollout, revisions: dict[str, RevisionState]
) -> None:
    story = Story(spec)
    story.then(WARM if "BlueGreen" in str(spec.strategy) else revisions)
    story.then(revisions)
    back = story.then(revisions, measured("Failed"))
    assert back.phase is DecisionPhase.ABORTED
    found = progress(back)
    assert (found.message, found.set_weight) == ("errors: 5 % of the candidate.", 0)
    assert back.active == ("a" if spec.strategy == "BlueGreen" else None)


@pytest.mark.parametrize("verdict", ["NoData", "Error", "Inconclusive"])
def test_in_the_background_only_a_proven_failure_ends_a_rollout(verdict: str) -> None:
    story = Story(rollout())
    assert story.then(ALL, measured(verdict)).phase is DecisionPhase.HEALTHY


def test_a_step_waits_until_enough_was_measured() -> None:
    story = Story(STEP)
    waiting = story.then(ONE_THIRD)
    assert (waiting.phase, progress(waiting).current_step_index) == (DecisionPhase.ANALYZING, 1)
    assert waiting.again == 300, "then it is treated as onNoData says"
    assert story.then(ONE_THIRD, measured("Successful", 2), 20).phase is DecisionPhase.ANALYZING
    passed = story.then(ONE_THIRD, measured("Successful", 3), 30)
    assert (passed.phase, progress(passed).set_weight) == (DecisionPhase.PROGRESSING, 67)


def test_a_step_of_an_hour_is_looked_at_again_when_its_measurements_had_the_time() -> None:
    steps = [{"setWeight": 34}, {"analysis": {"count": 60}}]
    story = Story(rollout(strategy="Canary", canary={"steps": steps}, analysis=MINUTES))
    assert story.then(ONE_THIRD).again == 2 * 60 * 60
    good = measured("Successful", 59, 100_000)
    assert story.then(ONE_THIRD, good, 59 * 60).phase is DecisionPhase.ANALYZING
    passed = story.then(ONE_THIRD, measured("Successful", 60, 100_000), 60 * 60)
    assert passed.phase is DecisionPhase.PROGRESSING


def test_a_bake_of_many_measurements_ends_by_itself() -> None:
    spec = rollout(strategy="BlueGreen", analysis=MINUTES, blueGreen=AFTER_THE_SWITCH)
    story = Story(spec)
    story.then(WARM)
    story.then(SWITCHED)
    assert story.then(SWITCHED, measured("Successful", 9, 900), 600).again == 2 * 40 * 60 - 600
    assert (
        story.then(SWITCHED, measured("Successful", 40, 4000), 2400).phase is DecisionPhase.HEALTHY
    )


def test_what_was_measured_before_a_step_does_not_count_for_it() -> None:
    story = Story(STEP)
    entered = story.then(ONE_THIRD, measured("Successful", 50, 5000))
    found = progress(entered).analysis
    assert found is not None
    assert (found.measurements, found.samples) == (0, 0)


def test_without_data_a_person_decides() -> None:
    story = Story(STEP)
    story.then(ONE_THIRD)
    held = story.then(ONE_THIRD, measured("NoData", 30, 5), 300)
    assert held.phase is DecisionPhase.ANALYZING
    found = progress(held).analysis
    assert found is not None
    assert found.held == "NoData"
    later_on = story.then(ONE_THIRD, found.model_copy(update={"samples": 500}), 400)
    assert later_on.phase is DecisionPhase.ANALYZING, "what comes now is too late"
    promoted = story.then(ONE_THIRD, found, 410, verb="promote")
    assert progress(promoted).current_step_index == 2


@pytest.mark.parametrize(
    ("wish", "phase"), [("Fail", DecisionPhase.ABORTED), ("Extend", DecisionPhase.ANALYZING)]
)
def test_or_what_the_spec_says(wish: str, phase: DecisionPhase) -> None:
    spec = STEP.model_dump(by_alias=True) | {"analysis": {"onNoData": wish}}
    story = Story(rollout(**spec))
    story.then(ONE_THIRD)
    assert story.then(ONE_THIRD, measured("NoData", 30, 5), 300).phase is phase


def test_before_a_switch_pods_are_judged_without_traffic() -> None:
    story = Story(blue_green(prePromotionAnalysis={}))
    waiting = story.then(WARM)
    assert (waiting.phase, waiting.active) == (DecisionPhase.ANALYZING, "a")
    switched = story.then(WARM, measured("NoData", 3, 0), 30)
    assert switched.active == "b"


def test_after_a_switch_the_bake_waits_for_the_verdict() -> None:
    story = Story(blue_green(postPromotionAnalysis={"count": 2}))
    story.then(WARM)
    assert story.then(SWITCHED).phase is DecisionPhase.BAKING
    assert story.then(SWITCHED, measured("Successful", 1), 10).phase is DecisionPhase.BAKING
    assert story.then(SWITCHED, measured("Successful", 2), 20).phase is DecisionPhase.HEALTHY


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({}, False),
        ({"strategy": "Canary", "canary": {"steps": [{"setWeight": 34}]}}, False),
        ({"strategy": "Canary", "canary": {"steps": [{"setWeight": 34}, {"analysis": {}}]}}, True),
        ({"strategy": "BlueGreen", "blueGreen": {"prePromotionAnalysis": {}}}, True),
        ({"strategy": "BlueGreen", "blueGreen": {"postPromotionAnalysis": {}}}, True),
        ({"strategy": "RollingUpdate", "blueGreen": {"postPromotionAnalysis": {}}}, False),
    ],
)
def test_a_step_that_judges_is_measured_from_the_beginning_although_nothing_else_is(
    spec: dict[str, Any],
    expected: bool,  # noqa: FBT001 - the parameter of a test
) -> None:
    found = rollout(**spec, analysis={"enabled": False})
    assert is_measured(found, found.strategy) is expected
    assert is_measured(rollout(**spec), found.strategy)


LATE = {"analysis": {"startingStep": 2}}
BEYOND = {"analysis": {"startingStep": 9}}
OFF = {"analysis": {"enabled": False}}
THREE = {"strategy": "Canary", "canary": {"steps": [{"setWeight": n} for n in (10, 20, 30)]}}
SWITCH = {"strategy": "BlueGreen", "blueGreen": {"postPromotionAnalysis": {}}}


@pytest.mark.parametrize(
    ("spec", "phase", "index", "expected"),
    [
        (THREE, "Progressing", 0, True),
        (THREE | LATE, "Progressing", 1, False),
        (THREE | LATE, "Progressing", 2, True),
        (THREE | BEYOND, "Progressing", 2, False),
        (THREE | BEYOND, "Baking", 3, True),
        (THREE | OFF, "Progressing", 2, False),
        (THREE | OFF, "Analyzing", 0, True),
        (THREE | OFF, "Baking", 3, False),
        (SWITCH | OFF, "Switching", 1, False),
        (SWITCH | OFF, "Baking", 1, True),
        (SWITCH | LATE, "Progressing", 0, True),
    ],
)
def test_a_candidate_is_judged_from_the_step_that_the_spec_names_and_where_a_step_asks_for_it(
    spec: dict[str, Any],
    phase: RolloutPhase,
    index: int,
    expected: bool,  # noqa: FBT001 - the parameter of a test
) -> None:
    found = rollout(**spec)
    moment = RolloutStatus(
        revision="b", strategy=found.strategy, phase=phase, started_at=NOON, since=NOON,
        current_step_index=index, steps=count(found, found.strategy),
    )  # fmt: skip
    assert is_judged_now(found, moment) is expected


def test_the_next_measurement_is_when_to_look_again() -> None:
    story = Story(rollout(bakeSeconds=60))
    story.then(ALL)
    due = replace(story.picture, progress=story.decision.progress, reading_due=later(7))
    assert decide(due).again == 7


def test_each_new_verdict_is_told_once() -> None:
    story = Story(rollout(bakeSeconds=60))
    measure: Any = {"measures": [{"name": "errors", "verdict": "Successful"}]}
    before = Status(rollout=progress(story.then(ALL)))
    few = Status(rollout=progress(story.then(ALL, measured("NoData", **measure))))
    good = Status(rollout=progress(story.then(ALL, measured("Successful", **measure))))
    bad = Status(rollout=progress(story.then(ALL, measured("Failed", **measure))))
    told = [
        [(found.severity, found.reason) for found in happenings(one, two)]
        for one, two in ((before, few), (few, few), (few, good), (good, bad))
    ]
    assert told == [
        [("Normal", "AnalysisNoData")],
        [],
        [("Normal", "AnalysisSuccessful")],
        [("Warning", "AnalysisFailed")],
    ]
