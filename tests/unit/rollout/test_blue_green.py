"""BlueGreen: complete beside the old one, then all the traffic at once."""

from typing import Any

import pytest

from cms_operator.api.status import RolloutStatus
from cms_operator.observed.snapshot import Request, RevisionState
from cms_operator.rollout.decision import Decision, DecisionPhase
from tests.unit.rollout.pictures import later, picture, rollout, serving, starting

BLUE_GREEN = rollout(strategy="BlueGreen")
WAITS = rollout(strategy="BlueGreen", blueGreen={"autoPromotionEnabled": False})
BAKES = rollout(strategy="BlueGreen", bakeSeconds=60)


def behind_preview(pods: int) -> RevisionState:
    return RevisionState(pods, pods, pods, pods, endpoints=0, preview=pods)


def at(old: RevisionState, new: RevisionState, **found: Any) -> Decision:
    found = {"rollout": BLUE_GREEN, **found}
    return picture(3, "b", "a", revisions={"a": old, "b": new}, **found)


def progress(decision: Decision) -> RolloutStatus:
    assert decision.progress is not None
    return decision.progress


def test_the_candidate_comes_up_complete_without_traffic() -> None:
    decision = at(serving(3), starting(0))
    assert decision.sizes == {"a": 3, "b": 3}
    assert (decision.active, decision.preview, decision.serving) == ("a", "b", ("a",))


def test_traffic_is_switched_when_all_of_it_is_ready() -> None:
    almost = at(serving(3), RevisionState(3, 3, 3, 3, endpoints=0, preview=2))
    assert almost.active == "a"
    ready = at(serving(3), behind_preview(3))
    assert (ready.active, ready.serving, ready.sizes) == ("b", ("b",), {"a": 3, "b": 3})
    assert (progress(ready).phase, ready.stable) == ("Switching", "a")


def test_the_bake_begins_when_the_endpoints_show_the_switch() -> None:
    switching = at(serving(3), behind_preview(3), rollout=BAKES)
    lagging = at(serving(3), behind_preview(3), rollout=BAKES, progress=switching.progress)
    assert progress(lagging).phase == "Switching"
    baking = at(behind_preview(3), serving(3), rollout=BAKES, progress=switching.progress)
    assert (baking.phase, baking.again) == (DecisionPhase.BAKING, 60)
    assert baking.sizes == {"a": 3, "b": 3}, "warm, for an instant way back"


def test_no_traffic_is_switched_to_pods_that_went_while_the_operator_was_away() -> None:
    switching = at(serving(3), behind_preview(3), rollout=BAKES)
    lost = at(serving(3), behind_preview(0), rollout=BAKES, progress=switching.progress)
    assert (lost.active, progress(lost).phase) == ("a", "Switching")
    again = at(serving(3), behind_preview(3), rollout=BAKES, progress=lost.progress)
    assert again.active == "b"


def test_an_abort_after_the_switch_moves_the_traffic_first_and_pods_later() -> None:
    switching = at(serving(3), behind_preview(3), rollout=BAKES)
    baking = at(behind_preview(3), serving(3), rollout=BAKES, progress=switching.progress)
    aborted = at(
        behind_preview(3), serving(3),
        rollout=BAKES, progress=baking.progress, requests=(Request("abort", "b"),),
    )  # fmt: skip
    assert (aborted.active, aborted.sizes) == ("a", {"a": 3, "b": 3})
    moved = at(serving(3), behind_preview(3), rollout=BAKES, progress=aborted.progress)
    assert moved.sizes == {"a": 3, "b": 0}


def test_the_old_pods_stay_for_their_delay_after_the_promotion() -> None:
    switching = at(serving(3), behind_preview(3))
    promoted = at(behind_preview(3), serving(3), progress=switching.progress)
    assert (promoted.phase, promoted.stable, promoted.again) == (DecisionPhase.HEALTHY, "b", 30)
    assert promoted.sizes == {"a": 3, "b": 3}
    settled = {"a": behind_preview(3), "b": serving(3)}
    over = picture(
        3, "b", "b",
        revisions=settled, rollout=BLUE_GREEN, progress=promoted.progress, now=later(30),
    )  # fmt: skip
    assert over.sizes == {"a": 0, "b": 3}


def test_it_waits_for_a_person_where_that_is_asked() -> None:
    waiting = at(serving(3), behind_preview(3), rollout=WAITS)
    assert (waiting.phase, waiting.active, waiting.again) == (DecisionPhase.PAUSED, "a", None)
    promoted = at(
        serving(3), behind_preview(3),
        rollout=WAITS, progress=waiting.progress, requests=(Request("promote", "b"),),
    )  # fmt: skip
    assert promoted.active == "b"


@pytest.mark.parametrize("by", ["the spec", "a request"])
def test_one_that_was_held_while_its_pods_started_is_ready_as_long_as_any_other_before_the_switch(
    by: str,
) -> None:
    after = {"autoPromotionSeconds": 600}
    free = rollout(strategy="BlueGreen", blueGreen=after)
    held = rollout(strategy="BlueGreen", blueGreen=after, paused=True) if by == "the spec" else free
    pause, resume = (
        () if by == "the spec" else (Request(verb, "b"),) for verb in ("pause", "resume")
    )
    begun = at(serving(3), starting(3), rollout=held, requests=pause)
    assert begun.phase is DecisionPhase.PAUSED
    waiting = at(serving(3), starting(3), rollout=held, now=later(700), progress=begun.progress)
    let_go = at(
        serving(3), starting(3), rollout=free, now=later(701), progress=waiting.progress,
        requests=resume,
    )  # fmt: skip
    assert let_go.phase is DecisionPhase.PROGRESSING
    ready = at(
        serving(3), behind_preview(3), rollout=free, now=later(705), progress=let_go.progress
    )
    assert (ready.phase, ready.active, ready.again) == (DecisionPhase.PAUSED, "a", 600)
    switched = at(
        serving(3), behind_preview(3), rollout=free, now=later(1305), progress=ready.progress
    )
    assert switched.active == "b"


@pytest.mark.parametrize("phase", ["Switching", "Baking"])
@pytest.mark.parametrize("by", ["the spec", "a request"])
def test_one_that_is_held_after_its_switch_is_still_taken_back_where_its_pods_are_lost(
    by: str, phase: str
) -> None:
    held = BAKES.model_copy(update={"paused": by == "the spec"})
    pause = (Request("pause", "b"),) if by == "a request" else ()
    switching = at(serving(3), behind_preview(3), rollout=BAKES)
    shown = (
        (behind_preview(3), serving(3)) if phase == "Baking" else (serving(3), behind_preview(3))
    )
    last = at(*shown, rollout=BAKES, progress=switching.progress)
    assert progress(last).phase == phase
    lost = at(behind_preview(3), starting(3), rollout=held, progress=last.progress, requests=pause)
    assert (progress(lost).phase, lost.again) == (phase, 600)
    late = at(behind_preview(3), starting(3), rollout=held, progress=lost.progress, now=later(600))
    assert (late.phase, late.active) == (DecisionPhase.ABORTED, "a")


def test_a_pause_that_has_begun_is_begun_once_whoever_holds_it_and_whatever_n_becomes() -> None:
    pauses = {"strategy": "BlueGreen", "blueGreen": {"autoPromotionSeconds": 600}}
    free, held = rollout(**pauses), rollout(**pauses, paused=True)
    begun = at(serving(3), behind_preview(3), rollout=free)
    holding = at(
        serving(3), behind_preview(3), rollout=held, now=later(100), progress=begun.progress
    )
    let_go = at(
        serving(3), behind_preview(3), rollout=free, now=later(200), progress=holding.progress
    )
    assert (let_go.phase, let_go.again) == (DecisionPhase.PAUSED, 400)
    growing = {"a": serving(3), "b": behind_preview(3)}
    grown = picture(
        4, "b", "a", revisions=growing, rollout=free, now=later(300), progress=let_go.progress
    )
    assert (grown.phase, progress(grown).since) == (DecisionPhase.PAUSED, progress(begun).since)


def test_the_way_back_needs_no_person() -> None:
    done = progress(at(serving(3), behind_preview(3))).model_copy(
        update={"phase": "Completed", "scale_down_at": later(600)}
    )
    back = picture(
        3, "a", "b",
        revisions={"b": serving(3), "a": behind_preview(3)}, rollout=WAITS, progress=done,
        formerly=("a",),
    )  # fmt: skip
    assert back.active == "a"


def test_pods_that_shall_get_no_traffic_keep_the_service_narrow() -> None:
    done = progress(at(serving(3), behind_preview(3))).model_copy(update={"phase": "Completed"})
    leftovers = {"a": behind_preview(3), "b": serving(3)}
    switched = picture(3, "b", "b", revisions=leftovers, progress=done, rollout=rollout())
    assert switched.active == "b"
    gone = picture(3, "b", "b", revisions={"b": serving(3)}, progress=done, rollout=rollout())
    assert gone.active is None


def test_a_candidate_that_never_gets_ready_is_taken_back_without_a_request() -> None:
    first = at(serving(3), starting(3, 1))
    back = at(serving(3), starting(3, 1), progress=first.progress, now=later(600))
    assert (back.phase, back.active, back.sizes) == (DecisionPhase.ABORTED, "a", {"a": 3, "b": 0})


def test_a_candidate_that_loses_all_its_pods_in_its_bake_gives_the_traffic_back() -> None:
    switching = at(serving(3), behind_preview(3), rollout=BAKES)
    baking = at(behind_preview(3), serving(3), rollout=BAKES, progress=switching.progress)
    lost = at(behind_preview(3), starting(3), rollout=BAKES, progress=baking.progress)
    assert (lost.phase, lost.active) == (DecisionPhase.BAKING, "a")
    again = at(serving(3), behind_preview(3), rollout=BAKES, progress=lost.progress)
    assert again.active == "b"


@pytest.mark.parametrize(
    "found",
    [
        pytest.param({"requests": (Request("abort", "b"),)}, id="aborted"),
        pytest.param({"target": "c"}, id="superseded"),
    ],
)
def test_the_fix_of_a_broken_stable_revision_keeps_the_traffic_until_somebody_answers(
    found: dict[str, Any],
) -> None:
    switching = at(serving(3), behind_preview(3), rollout=BAKES)
    baking = at(starting(3), serving(3), rollout=BAKES, progress=switching.progress)
    found = {"target": "b", **found}
    target = found.pop("target")
    revisions = {"a": starting(3), "b": serving(3)}
    over = picture(
        3, target, "a", revisions=revisions, rollout=BAKES, progress=baking.progress, **found
    )
    assert (over.active, over.sizes["b"]) == ("b", 3)
    mended = {"a": RevisionState(3, 3, 3, 3), "b": serving(3)}
    back = picture(3, target, "a", revisions=mended, rollout=BAKES, progress=over.progress, **found)
    assert back.active == "a"


def test_a_rollout_is_over_when_a_spec_comes_whose_migration_fails() -> None:
    """Back at the spec before it, the candidate begins anew: its pods are gone."""
    switching = at(serving(3), behind_preview(3), rollout=BAKES)
    baking = at(behind_preview(3), serving(3), rollout=BAKES, progress=switching.progress)
    failing = picture(
        3, "c", "a",
        revisions={"a": behind_preview(3), "b": serving(3)}, rollout=BAKES,
        progress=baking.progress, migration="Failed",
    )  # fmt: skip
    assert (failing.active, progress(failing).phase) == ("a", "Superseded")
    again = picture(
        3, "b", "a",
        revisions={"a": serving(3)}, rollout=BAKES, progress=failing.progress, now=later(600),
    )  # fmt: skip
    assert (again.active, progress(again).phase) == ("a", "Progressing")


def test_a_first_revision_that_serves_in_part_does_so_until_its_fix_can() -> None:
    """It never counted as stable; its third pod finds no node."""
    part = RevisionState(3, 3, 2, 2, endpoints=2)
    begun = picture(3, "y", revisions={"x": part}, rollout=BLUE_GREEN)
    assert (begun.active, begun.preview, begun.sizes) == ("x", "y", {"x": 2, "y": 3})
    some = {"x": serving(2), "y": behind_preview(1)}
    assert picture(3, "y", revisions=some, rollout=BLUE_GREEN).active == "x"
    enough = {"x": serving(2), "y": behind_preview(2)}
    assert picture(3, "y", revisions=enough, rollout=BLUE_GREEN).active == "y"


@pytest.mark.parametrize(
    "found",
    [
        {},
        {"migration": "Running"},
        {"target": "b", "failure": "Its pods crash."},
    ],
    ids=["another release", "one that waits for its migration", "the same one, which is bad"],
)
def test_a_rolling_update_that_becomes_blue_green_keeps_the_traffic_where_the_pods_are(
    found: dict[str, Any],
) -> None:
    rolling = picture(10, "b", "a", revisions={"a": serving(10)}).progress
    found = {"target": "c", **found}
    target = found.pop("target")
    nearly = {"a": serving(1), "b": serving(10)}
    decision = picture(
        10, target, "a",
        rollout=BLUE_GREEN, progress=rolling, revisions=nearly, **found,
    )  # fmt: skip
    assert decision.active is None, "of ten pods that answer one would be left"
    assert (decision.sizes.get("c", 0), decision.goal["a"]) == (0, 10)
    half = {"a": serving(4), "b": serving(4)}
    mixed = picture(
        10, target, "a", rollout=BLUE_GREEN, progress=rolling, revisions=half, **found
    )  # fmt: skip
    assert mixed.active is None
    grown = mixed.sizes.get(target, 0) - (4 if target == "b" else 0)
    assert grown <= 0, "a pod of it would get traffic before the switch"
    complete = {"a": serving(10), "b": serving(1)}
    narrowed = picture(10, "c", "a", rollout=BLUE_GREEN, progress=rolling, revisions=complete)
    assert (narrowed.active, narrowed.sizes["c"]) == ("a", 9)
    unverified = complete | {"a": RevisionState(10, 10, 10, 10, endpoints=9)}
    early = picture(10, "c", "a", rollout=BLUE_GREEN, progress=rolling, revisions=unverified)
    assert early.active is None, "not all pods that are ready have an endpoint yet"


@pytest.mark.parametrize("strategy", ["RollingUpdate", "Canary"])
def test_a_release_of_another_strategy_lets_nobody_to_pods_that_had_no_traffic(
    strategy: str,
) -> None:
    spec = rollout(strategy=strategy)
    left = {"a": serving(3), "x": behind_preview(3)}
    begun = picture(3, "b", "a", rollout=spec, revisions=left)
    assert (begun.active, begun.sizes["x"]) == ("a", 0)
    alone = picture(3, "b", "a", rollout=spec, revisions={"a": serving(3)}, progress=begun.progress)
    assert (alone.active, alone.sizes["b"]) == (None, 1)
