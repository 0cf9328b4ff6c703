"""RollingUpdate: a few pods at a time, each checked before the next."""

from typing import Any

from cms_operator.api.conditions import Reason
from cms_operator.api.problem import Problem
from cms_operator.observed.snapshot import Request, RevisionState
from cms_operator.rollout.decision import Decision, DecisionPhase
from tests.unit.rollout.pictures import later, picture, rollout, serving, starting

BAKE = rollout(bakeSeconds=60)


def begun(**found: Any) -> Decision:
    return picture(3, "b", "a", revisions={"a": serving(3)}, **found)


def test_one_pod_more_comes_first() -> None:
    decision = begun()
    assert (decision.phase, decision.sizes) == (DecisionPhase.PROGRESSING, {"a": 3, "b": 1})
    assert decision.progress is not None
    assert (decision.progress.phase, decision.progress.previous) == ("Progressing", "a")
    assert decision.again == 600, "until its deadline"


def test_an_old_pod_goes_when_a_new_one_serves() -> None:
    waiting = picture(3, "b", "a", revisions={"a": serving(3), "b": starting(1)})
    assert waiting.sizes == {"a": 3, "b": 1}
    moving = picture(3, "b", "a", revisions={"a": serving(3), "b": serving(1)})
    assert moving.sizes == {"a": 2, "b": 1}


def test_a_new_pod_that_is_ready_before_its_endpoint_is_known_is_not_shut_out() -> None:
    ready = {"a": serving(3), "b": RevisionState(1, 1, 1, 1, endpoints=0)}
    assert picture(3, "b", "a", revisions=ready).active is None


def test_the_new_revision_is_stable_after_its_bake() -> None:
    done = {"a": serving(0), "b": serving(3)}
    baking = picture(3, "b", "a", revisions=done, rollout=BAKE, progress=begun().progress)
    assert (baking.phase, baking.stable, baking.again) == (DecisionPhase.BAKING, "a", 60)
    assert baking.sizes == {"a": 0, "b": 3}, "the old one is kept, cold"
    early = picture(
        3, "b", "a", revisions=done, rollout=BAKE, progress=baking.progress, now=later(59)
    )
    assert early.phase is DecisionPhase.BAKING
    over = picture(
        3, "b", "a", revisions=done, rollout=BAKE, progress=baking.progress, now=later(60)
    )
    assert (over.phase, over.stable) == (DecisionPhase.HEALTHY, "b")
    assert over.retire == ("a",)
    assert over.progress is not None
    assert over.progress.phase == "Completed"


def test_a_bake_that_is_over_waits_for_the_pods_and_not_for_the_time() -> None:
    done = {"a": serving(0), "b": serving(3)}
    baking = picture(3, "b", "a", revisions=done, rollout=BAKE, progress=begun().progress)
    scaled = picture(
        4, "b", "a",
        revisions={"a": serving(0), "b": starting(4, 3)},
        rollout=BAKE, progress=baking.progress, now=later(60),
    )  # fmt: skip
    assert scaled.phase is DecisionPhase.BAKING
    assert scaled.again, "not at once"


def test_without_a_bake_it_is_over_with_its_last_pod() -> None:
    moment = later(0.25)  # a status keeps whole seconds
    done = {"a": serving(0), "b": serving(3)}
    over = picture(3, "b", "a", revisions=done, progress=begun().progress, now=moment)
    assert (over.phase, over.stable, over.retire) == (DecisionPhase.HEALTHY, "b", ("a",))


def test_no_progress_until_the_deadline_takes_it_back() -> None:
    found = {"a": serving(3), "b": starting(1)}
    first = picture(3, "b", "a", revisions=found)
    waiting = picture(3, "b", "a", revisions=found, progress=first.progress, now=later(599))
    assert waiting.phase is DecisionPhase.PROGRESSING
    why = Problem(Reason.IMAGE_PULL_FAILED, "Pod shop-1 cannot pull its image.")
    late = {"revisions": found, "progress": waiting.progress, "now": later(600)}
    back = picture(3, "b", "a", problem=why, **late)
    assert (back.phase, back.sizes, back.stable) == (DecisionPhase.ABORTED, {"a": 3, "b": 0}, "a")
    assert back.progress is not None
    assert "progressDeadlineSeconds (600 s)" in str(back.progress.message)
    assert str(back.progress.message).endswith(why.message), "what kept its pods from getting ready"


def test_a_deadline_that_ended_while_the_cluster_was_away_begins_anew() -> None:
    found = {"a": serving(3), "b": starting(1)}
    evening = picture(3, "b", "a", revisions=found)
    morning = picture(3, "b", "a", revisions=found, progress=evening.progress, now=later(36_000))
    assert (morning.phase, morning.again) == (DecisionPhase.PROGRESSING, 600)
    late = picture(3, "b", "a", revisions=found, progress=morning.progress, now=later(36_600))
    assert late.phase is DecisionPhase.ABORTED


def test_each_pod_that_serves_is_progress() -> None:
    first = picture(3, "b", "a", revisions={"a": serving(3), "b": starting(1)})
    moved = picture(
        3, "b", "a",
        revisions={"a": serving(2), "b": starting(2, 1)}, progress=first.progress, now=later(500),
    )  # fmt: skip
    assert moved.again == 600


def test_a_crash_takes_it_back_at_once_and_for_good() -> None:
    found = {"a": serving(2), "b": starting(2, 1)}
    back = picture(3, "b", "a", revisions=found, progress=begun().progress, failure="It crashes.")
    assert (back.phase, back.sizes) == (DecisionPhase.ABORTED, {"a": 2, "b": 1})
    assert back.progress is not None
    assert back.progress.message == "It crashes."
    healed = picture(3, "b", "a", revisions={"a": serving(3)}, progress=back.progress)
    assert (healed.phase, healed.sizes) == (DecisionPhase.ABORTED, {"a": 3})
    corrected = picture(3, "c", "a", revisions={"a": serving(3)}, progress=back.progress)
    assert (corrected.phase, corrected.sizes) == (DecisionPhase.PROGRESSING, {"a": 3, "c": 1})


def test_one_that_was_taken_back_begins_anew_on_request_or_by_a_detour() -> None:
    back = begun(failure="It crashes.")
    again = begun(progress=back.progress, requests=(Request("retry", "b"),))
    assert again.phase is DecisionPhase.PROGRESSING
    detour = picture(3, "a", "a", revisions={"a": serving(3)}, progress=back.progress)
    assert detour.progress is not None
    assert detour.progress.phase == "Superseded"
    assert begun(progress=detour.progress).phase is DecisionPhase.PROGRESSING


def test_the_autoscaler_is_followed_in_the_middle() -> None:
    decision = picture(6, "b", "a", revisions={"a": serving(2), "b": starting(1)})
    assert decision.sizes == {"a": 6, "b": 2}


def test_a_stable_deployment_that_somebody_emptied_comes_back_for_what_is_missing() -> None:
    decision = picture(2, "b", "a", revisions={"a": starting(0), "b": starting(1)})
    assert decision.sizes == {"a": 2, "b": 1}


def test_a_newer_spec_takes_the_place_of_a_candidate_at_once() -> None:
    before = begun().progress
    decision = picture(3, "c", "a", revisions={"a": serving(3), "b": starting(1)}, progress=before)
    assert decision.sizes == {"a": 3, "b": 0, "c": 0}
    assert decision.progress is not None
    assert decision.progress.revision == "c"


def test_a_fix_is_possible_although_stable_is_broken() -> None:
    broken = {"a": starting(3), "b": starting(2, 2)}
    fixing = picture(3, "c", "a", revisions=broken)
    assert fixing.sizes["b"] == 2, "all that serves stays"
    fixed = picture(3, "c", "a", revisions={"a": starting(3), "c": serving(3)})
    assert fixed.sizes == {"a": 0, "c": 3}


def test_going_back_to_the_stable_spec_ends_the_rollout() -> None:
    decision = picture(
        3, "a", "a", revisions={"a": serving(3), "b": starting(1)}, progress=begun().progress
    )
    assert (decision.phase, decision.sizes) == (DecisionPhase.HEALTHY, {"a": 3, "b": 0})
    assert decision.progress is not None
    assert decision.progress.phase == "Superseded"


def test_held_it_keeps_the_share_that_it_has() -> None:
    held = rollout(paused=True)
    found = {"a": serving(2), "b": serving(1)}
    paused = picture(3, "b", "a", revisions=found, progress=begun().progress, rollout=held)
    assert (paused.phase, paused.sizes, paused.again) == (
        DecisionPhase.PAUSED,
        found_sizes(2, 1),
        None,
    )
    hours = picture(
        3, "b", "a", revisions=found, progress=paused.progress, rollout=held, now=later(9999)
    )
    assert hours.sizes == found_sizes(2, 1)
    released = picture(3, "b", "a", revisions=found, progress=hours.progress, now=later(9999))
    assert (released.phase, released.sizes) == (DecisionPhase.PROGRESSING, found_sizes(2, 2))


def found_sizes(old: int, new: int) -> dict[str, int]:
    return {"a": old, "b": new}


def test_the_deadline_does_not_count_while_what_was_nearly_replaced_comes_back() -> None:
    """Its pods come one by one, as the limits have it; none of the new release can yet."""
    one_by_one = rollout(maxSurge=1, maxUnavailable=0, progressDeadlineSeconds=60)
    progress = None
    for number in range(10):
        found = {"a": serving(number), "b": serving(10 - number)}
        decision = picture(
            10, "c", "a",
            rollout=one_by_one, progress=progress, revisions=found, now=later(number * 50),
        )  # fmt: skip
        progress = decision.progress
        assert decision.phase is DecisionPhase.PROGRESSING
    stuck = picture(
        10, "c", "a",
        rollout=one_by_one, progress=progress, revisions=found, now=later(9 * 50 + 60),
    )  # fmt: skip
    assert stuck.phase is DecisionPhase.ABORTED
