"""Canary by the weights of a route: who has how many pods, and what the route says meanwhile."""

from dataclasses import replace
from typing import Any

import pytest

from cms_operator.api.fields.rollout import CanaryScale
from cms_operator.observed.snapshot import Request, RevisionState, RouteState
from cms_operator.rollout.capacity import Split, routed_split
from cms_operator.rollout.decision import Decision, DecisionPhase
from cms_operator.rollout.routing import Traffic, waits_for_gateway
from cms_operator.rollout.steps import canary_steps, scale_at
from tests.unit.rollout.pictures import later, picture, rollout, snapshot

CANARY = rollout(
    strategy="Canary", bakeSeconds=60, canary={"steps": [{"setWeight": 34}, {"pause": {}}]}
)


def pods(main: int, preview: int = 0) -> RevisionState:
    """All are ready; so many are behind each Service."""
    count = max(main, preview)
    return RevisionState(count, count, count, count, count, preview=preview)


def route(
    main: str = "a", preview: str = "b", weight: int = 0, *, settled: bool = True
) -> RouteState:
    opened = preview != main
    return RouteState(main, preview, weight, opened, settled, {main: 3})


def at(a: RevisionState, b: RevisionState, seen: RouteState, **found: Any) -> Decision:
    found = {"rollout": CANARY, "route": seen, **found}
    return picture(3, "b", "a", revisions={"a": a, "b": b}, **found)


def begun() -> Decision:
    return picture(
        3, "b", "a", rollout=CANARY, revisions={"a": pods(3)},
        route=RouteState("a", "a", settled=True, endpoints={"a": 3}),
    )  # fmt: skip


def test_the_pods_come_first_and_the_weight_when_they_are_ready() -> None:
    first = begun()
    assert first.sizes == {"a": 3, "b": 2}
    assert first.traffic == Traffic("a", "b")
    ready = at(pods(3), pods(0, 2), route(), progress=first.progress)
    assert ready.traffic == Traffic("a", "b", 34, opened=True, leads=True)
    assert ready.progress
    assert ready.progress.actual_weight == 0, "nobody has accepted it yet"


def test_a_step_is_done_when_the_gateway_has_accepted_it() -> None:
    progress = begun().progress
    waiting = at(pods(3), pods(0, 2), route(weight=34, settled=False), progress=progress)
    assert waiting.phase is DecisionPhase.PROGRESSING
    done = at(pods(3), pods(0, 2), route(weight=34), progress=progress)
    assert done.phase is DecisionPhase.PAUSED
    assert done.progress
    assert (done.progress.set_weight, done.progress.actual_weight) == (34, 34)
    assert done.serving == ("a", "b")


def paused() -> Any:
    return at(pods(3), pods(0, 2), route(weight=34), progress=begun().progress).progress


def test_with_all_the_traffic_the_old_one_stays_warm_until_the_bake_is_over() -> None:
    asked = (Request("promote", "b"),)
    promoted = at(pods(3), pods(0, 2), route(weight=34), progress=paused(), requests=asked)
    assert promoted.sizes == {"a": 3, "b": 3}
    baking = at(pods(3), pods(0, 3), route(weight=100), progress=promoted.progress)
    assert (baking.phase, baking.sizes, baking.serving) == (
        DecisionPhase.BAKING,
        {"a": 3, "b": 3},
        ("b",),
    )
    assert baking.traffic == Traffic("a", "b", 100, opened=True, leads=True), (
        "the Service is still the old one"
    )
    over = at(pods(3), pods(0, 3), route(weight=100), progress=baking.progress, now=later(90))
    assert (over.stable, over.active) == ("b", "b")
    assert over.sizes == {"a": 3, "b": 3}, "until the Service's endpoints have followed"
    assert over.traffic
    assert over.traffic.weight == 100, "until then the route stays too"
    back = picture(
        3, "b", "b", rollout=CANARY, progress=over.progress,
        revisions={"a": pods(0), "b": pods(3, 3)}, route=route("b", "b", 100),
    )  # fmt: skip
    assert back.traffic == Traffic("b", "b")


def test_an_abort_takes_the_weight_at_once_and_the_pods_when_it_is_accepted() -> None:
    asked = (Request("abort", "b"),)
    aborted = at(pods(3), pods(0, 2), route(weight=34), progress=paused(), requests=asked)
    assert aborted.traffic == Traffic("a", "b", leads=True)
    assert aborted.sizes == {"a": 3, "b": 2}
    closed = RouteState("a", "b", settled=False, endpoints={"a": 3}, leads=True)
    waiting = at(pods(3), pods(0, 2), closed, progress=aborted.progress)
    assert waiting.sizes == {"a": 3, "b": 2}
    accepted = RouteState("a", "b", 0, settled=True, endpoints={"a": 3})
    gone = at(pods(3), pods(0, 2), accepted, progress=aborted.progress)
    assert gone.sizes == {"a": 3, "b": 0}
    assert gone.traffic == Traffic("a", "a")


TESTERS_FIRST = rollout(
    strategy="Canary",
    canary={
        "steps": [
            {"setCanaryScale": {"replicas": 1}},
            {"pause": {}},
            {"setCanaryScale": {"matchTrafficWeight": True}},
            {"setWeight": 67},
            {"pause": {}},
        ]
    },
)


@pytest.mark.parametrize(("index", "replicas"), [(0, 1), (1, 1), (2, None), (3, None), (5, None)])
def test_a_scale_holds_from_its_step_until_the_pods_follow_the_weight_again(
    index: int, replicas: int | None
) -> None:
    found = scale_at(canary_steps(TESTERS_FIRST, "Canary"), index)
    assert (found and found.replicas) == replicas


def test_testers_keep_the_candidate_when_its_pods_begin_to_follow_the_weight() -> None:
    """At the weight before it would need none."""
    found: dict[str, Any] = {"rollout": TESTERS_FIRST}
    one = pods(3), pods(0, 1), route()
    testing = at(*one, **found)
    while testing.phase is not DecisionPhase.PAUSED:
        testing = at(*one, progress=testing.progress, **found)
    assert testing.sizes == {"a": 3, "b": 1}
    asked = (Request("promote", "b"),)
    promoted = at(*one, progress=testing.progress, requests=asked, **found)
    assert promoted.sizes == {"a": 3, "b": 3}, "as many as the next weight needs, and never none"
    assert promoted.traffic == Traffic("a", "b", 0, opened=True, leads=True)
    ready = at(pods(3), pods(0, 3), route(), progress=promoted.progress, **found)
    assert ready.traffic == Traffic("a", "b", 67, opened=True, leads=True)


def test_a_candidate_that_has_lost_its_pods_has_no_weight() -> None:
    lost = at(pods(3), RevisionState(2, 2), route(weight=34), progress=paused())
    assert lost.traffic == Traffic("a", "b", leads=True)


def test_a_gateway_that_is_away_is_named_and_counts_against_the_deadline() -> None:
    never = route(weight=34, settled=False)
    first = at(pods(3), pods(0, 2), never, progress=begun().progress)
    late = at(pods(3), pods(0, 2), never, progress=first.progress, now=later(600))
    assert late.phase is DecisionPhase.ABORTED
    assert late.progress
    assert "gateway has not accepted" in (late.progress.message or "")
    fine = snapshot(3, "b", "a", rollout=CANARY, route=route())
    assert waits_for_gateway(fine, "Canary") == ""


def test_another_strategy_first_takes_the_weight_away() -> None:
    blue_green = rollout(strategy="BlueGreen")
    found = picture(
        3, "c", "a", rollout=blue_green, progress=paused(),
        revisions={"a": pods(3), "b": pods(0, 2)}, route=route(weight=34),
    )  # fmt: skip
    assert found.traffic == Traffic("a", "b", leads=True)
    assert found.sizes == {"a": 3, "b": 2}


def test_a_service_that_selects_everything_is_narrowed_when_stable_is_complete() -> None:
    mixed = RouteState(None, None, settled=True, endpoints={"a": 2, "x": 1})
    family = {"a": pods(2), "x": pods(1)}
    early = picture(3, "b", "a", rollout=CANARY, revisions=family, route=mixed)
    assert (early.active, early.sizes) == (None, {"a": 3, "x": 1, "b": 0})
    complete = RouteState(None, None, settled=True, endpoints={"a": 3, "x": 1})
    family = {"a": pods(3), "x": pods(1)}
    assert picture(3, "b", "a", rollout=CANARY, revisions=family, route=complete).active == "a"


def test_with_autoscaling_too_stable_is_completed_before_a_new_route_weighs() -> None:
    """Until now the pods themselves were the weight."""
    mixed = RouteState(None, None, settled=True, endpoints={"a": 5, "b": 5})
    found = picture(
        10, "b", "a", rollout=CANARY, progress=paused(), autoscaled=True,
        revisions={"a": pods(5), "b": pods(5)}, route=mixed,
    )  # fmt: skip
    assert (found.active, found.sizes) == (None, {"a": 10, "b": 5})


def test_mixed_pods_of_a_third_revision_do_not_keep_stable_from_getting_complete() -> None:
    """They give way to it: together they are n and its surge already."""
    mixed = RouteState(None, "c", settled=True, endpoints={"a": 2, "b": 3})
    found = picture(
        4, "c", "a", rollout=CANARY,
        revisions={"a": pods(2), "b": pods(3)}, route=mixed,
    )  # fmt: skip
    assert (found.active, found.sizes) == (None, {"a": 2, "b": 2, "c": 0})


@pytest.mark.parametrize("strategy", ["RollingUpdate", "BlueGreen"])
@pytest.mark.parametrize("target", ["b", "c"])
def test_what_the_gateway_may_still_send_readers_to_stays_whatever_the_strategy(
    strategy: str, target: str
) -> None:
    """Closed, as far as it was written: nobody has accepted it."""
    closing = RouteState("a", "b", settled=False, endpoints={"a": 3}, leads=True)
    aborted = paused().model_copy(update={"phase": "Aborted"})
    found = picture(
        3, target, "a", rollout=rollout(strategy=strategy), progress=aborted,
        revisions={"a": pods(3), "b": pods(0, 2)}, route=closing,
    )  # fmt: skip
    assert (found.active, found.preview, found.sizes["b"]) == ("a", "b", 2)


@pytest.mark.parametrize(
    ("replicas", "weight", "scale", "expected", "autoscaled"),
    [
        # Argo Rollouts' rounding: the candidate has enough pods for its weight, stable has all.
        (3, 34, None, Split(2, 3), Split(1, 2)),
        (3, 1, None, Split(1, 3), Split(1, 2)),
        (10, 10, None, Split(1, 10), Split(1, 9)),
        (10, 15, None, Split(2, 10), Split(2, 8)),
        (10, 99, None, Split(10, 10), Split(9, 1)),
        (1, 10, None, Split(1, 1), Split(1, 1)),
        (3, 0, None, Split(0, 3), Split(0, 3)),
        (3, 100, None, Split(3, 3), Split(3, 0)),
        (0, 50, None, Split(0, 0), Split(0, 0)),
        (4, 0, {"replicas": 1}, Split(1, 4), Split(1, 4)),
        (4, 10, {"replicas": 0}, Split(1, 4), Split(1, 3)),
        (4, 10, {"replicas": 9}, Split(4, 4), Split(4, 3)),
        (4, 10, {"weight": 60}, Split(3, 4), Split(3, 3)),
        (4, 63, {"replicas": 1}, Split(1, 4), Split(1, 3)),
    ],
)
def test_pods_are_enough_for_the_weight(
    replicas: int, weight: int, scale: Any, expected: Split, autoscaled: Split
) -> None:
    wanted = CanaryScale.model_validate(scale) if scale else None
    assert routed_split(replicas, weight, wanted, autoscaled=False) == expected
    assert routed_split(replicas, weight, wanted, autoscaled=True) == autoscaled


def test_with_autoscaling_a_trial_adds_no_pods() -> None:
    found = at(pods(3), pods(0, 1), route(weight=34), progress=begun().progress, autoscaled=True)
    assert found.sizes == {"a": 2, "b": 1}


def test_the_weight_waits_for_the_last_pod() -> None:
    one_of_two = RevisionState(2, 2, 1, 1, preview=1)
    found = at(pods(3), one_of_two, route(), progress=begun().progress)
    assert found.traffic == Traffic("a", "b", 0, opened=True, leads=True), "testers may come before"


def promoted(a: RevisionState, seen: RouteState) -> Decision:
    family = {"a": a, "b": pods(0, 3)}
    return picture(3, "b", "b", rollout=CANARY, revisions=family, route=seen)


def test_the_service_moves_while_the_route_sends_it_nothing() -> None:
    assert promoted(pods(3), route(weight=100)).active == "b"
    assert promoted(pods(3), route(weight=100, settled=False)).active == "a"


def test_what_only_the_preview_service_can_answer_stays_there_until_the_service_has_moved() -> None:
    """The pods of the old revision are lost; no event has told yet what the Service has now."""
    lost = RouteState("a", "b", 100, opened=True, settled=True, endpoints={})
    moves = promoted(RevisionState(3, 3), lost)
    assert moves.traffic
    assert (moves.active, moves.traffic.weight) == ("b", 100)


def test_a_release_of_no_pods_moves_the_service_and_closes_the_route_at_once() -> None:
    """A Service without pods has turned without an event that would tell of it."""
    nobody: dict[str, Any] = {"rollout": CANARY, "revisions": {"a": pods(0), "b": pods(0)}}
    accepted = RouteState("a", "b", 100, opened=True, settled=True, leads=True)
    assert picture(0, "b", "b", route=accepted, **nobody).traffic == Traffic("b", "b", leads=True)
    waiting = replace(accepted, settled=False)
    assert picture(0, "b", "b", route=waiting, **nobody).active == "a"
    closed = RouteState("b", "b", settled=True)
    assert picture(0, "b", "b", route=closed, **nobody).retire == ("a",)


def test_the_old_pods_stay_while_they_are_endpoints() -> None:
    lagging = RouteState("b", "b", 100, opened=True, settled=True, endpoints={"a": 3})
    assert promoted(pods(3), lagging).sizes == {"a": 3, "b": 3}
    followed = RouteState("b", "b", 0, opened=False, settled=True, endpoints={"b": 3})
    assert promoted(pods(3), followed).sizes == {"a": 0, "b": 3}


@pytest.mark.parametrize(
    ("endpoints", "weight"),
    [({"a": 3}, 100), ({"a": 1, "b": 3}, 100), ({"b": 1}, 100), ({"b": 3}, 0)],
)
def test_the_weight_leaves_the_preview_service_when_the_other_one_has_all_the_pods(
    endpoints: dict[str, int], weight: int
) -> None:
    turned = RouteState("b", "b", 100, opened=True, settled=True, endpoints=endpoints)
    traffic = promoted(pods(3), turned).traffic
    assert traffic
    assert traffic.weight == weight


def test_no_weight_is_taken_from_those_who_answer_for_those_who_do_not() -> None:
    nobody = RouteState("a", "b", 100, opened=True, settled=True, endpoints={})
    asked = (Request("abort", "b"),)
    found = at(RevisionState(3, 3), pods(0, 3), nobody, progress=paused(), requests=asked)
    assert found.traffic == Traffic("a", "b", 100, opened=True, leads=True)


def test_a_first_revision_that_serves_in_part_does_so_until_its_fix_can() -> None:
    """It never counted as stable; its third pod finds no node."""

    def first(fix: int, seen: RouteState) -> Decision:
        revisions = {"a": pods(2), "b": pods(0, fix)}
        return picture(3, "b", rollout=CANARY, revisions=revisions, route=seen)

    begun = first(0, RouteState("a", "a", settled=True, endpoints={"a": 2}))
    assert (begun.traffic, begun.sizes) == (Traffic("a", "b"), {"a": 2, "b": 3})
    some = RouteState("a", "b", settled=True, endpoints={"a": 2})
    assert first(1, some).traffic == Traffic("a", "b")
    assert first(2, some).traffic == Traffic("b", "b")


def test_after_a_lost_status_nobody_is_sent_to_pods_that_have_only_just_got_ready() -> None:
    """They count as available after minReadySeconds."""

    def first(available: int) -> Decision:
        fix = RevisionState(3, 3, 3, available, 0, preview=3)
        seen = RouteState("a", "b", settled=True, endpoints={"a": 3})
        return picture(3, "b", rollout=CANARY, revisions={"a": pods(3), "b": fix}, route=seen)

    assert (first(0).active, first(0).sizes) == ("a", {"a": 3, "b": 3})
    assert first(3).active == "b"
