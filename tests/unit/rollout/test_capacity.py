"""How many pods each revision has, at any moment of any rollout."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cms_operator.observed.snapshot import RevisionState
from cms_operator.rollout.capacity import (
    Limits,
    Split,
    existing,
    limits,
    next_sizes,
    serving,
    split,
)

# Argo Rollouts' own cases (TestApproximateWeightedNewStableReplicaCounts in
# utils/replicaset/canary_test.go): replicas and maxSurge; weight; pods of candidate and stable.
ARGO = {
    (0, 0): {0: (0, 0), 50: (0, 0), 100: (0, 0)},
    (0, 1): {0: (0, 0), 50: (0, 0), 100: (0, 0)},
    (1, 0): {0: (0, 1), 1: (0, 1), 49: (0, 1), 50: (1, 0), 99: (1, 0), 100: (1, 0)},
    (1, 1): {0: (0, 1), 1: (1, 1), 49: (1, 1), 50: (1, 1), 99: (1, 1), 100: (1, 0)},
    (2, 0): {0: (0, 2), 1: (1, 1), 50: (1, 1), 99: (1, 1), 100: (2, 0)},
    (2, 1): {0: (0, 2), 1: (1, 2), 50: (1, 1), 99: (2, 1), 100: (2, 0)},
    (3, 0): {10: (1, 2), 25: (1, 2), 33: (1, 2), 34: (1, 2), 49: (1, 2), 50: (2, 1)},
    (3, 1): {10: (1, 3), 25: (1, 3), 33: (1, 2), 34: (1, 2), 49: (2, 2), 50: (2, 2)},
    (10, 1): {
        0: (0, 10),
        1: (1, 10),
        18: (2, 9),
        19: (2, 9),
        20: (2, 8),
        23: (2, 8),
        24: (3, 8),
        25: (3, 8),
        99: (10, 1),
        100: (10, 0),
    },
    (10, 0): {1: (1, 9), 14: (1, 9), 15: (2, 8), 16: (2, 8), 99: (9, 1)},
}


@pytest.mark.parametrize(("replicas", "surge"), ARGO)
def test_weights_become_the_counts_of_argo_rollouts(replicas: int, surge: int) -> None:
    found = {weight: split(replicas, weight, surge) for weight in ARGO[replicas, surge]}
    assert found == {weight: Split(*pods) for weight, pods in ARGO[replicas, surge].items()}


@pytest.mark.parametrize(
    ("replicas", "weight", "surge", "candidate", "stable"),
    [
        # What a tenant of 3 pods has.
        (3, 34, 1, 1, 2),
        (3, 67, 1, 2, 1),
        (3, 10, 1, 1, 3),
        (3, 1, 1, 1, 3),
        (3, 1, 0, 1, 2),
        (3, 99, 0, 2, 1),
        (3, 0, 1, 0, 3),
        (3, 100, 1, 3, 0),
        # Many pods come near to any weight.
        (10, 10, 1, 1, 9),
        (10, 5, 1, 1, 10),
        (20, 5, 1, 1, 19),
        (100, 37, 25, 37, 63),
        # One pod that may not be joined by another is of one revision or of the other.
        (1, 10, 0, 0, 1),
        (1, 90, 0, 1, 0),
        (0, 50, 1, 0, 0),
    ],
)
def test_a_weight_becomes_counts_of_pods(
    replicas: int, weight: int, surge: int, candidate: int, stable: int
) -> None:
    assert split(replicas, weight, surge) == Split(candidate, stable)


def test_a_share_is_never_claimed_to_be_smaller_than_a_pod() -> None:
    assert split(1, 10, 1).weight == 50
    assert split(3, 10, 1).weight == 25


@pytest.mark.parametrize(
    ("surge", "unavailable", "replicas", "expected"),
    [
        ("25%", 0, 3, Limits(1, 0)),
        ("25%", "25%", 4, Limits(1, 1)),
        ("25%", "25%", 3, Limits(1, 0)),
        (2, 1, 10, Limits(2, 1)),
        ("0%", "10%", 3, Limits(0, 1)),
        (0, 5, 3, Limits(0, 3)),
        ("100%", 0, 3, Limits(3, 0)),
        ("25%", 0, 0, Limits(0, 0)),
    ],
)
def test_percentages_become_pods_as_in_a_deployment(
    surge: int | str, unavailable: int | str, replicas: int, expected: Limits
) -> None:
    assert limits(surge, unavailable, replicas) == expected


def running(pods: int) -> RevisionState:
    return RevisionState(pods, pods, pods, pods, pods)


def starting(wanted: int, serves: int = 0) -> RevisionState:
    return RevisionState(wanted, wanted, serves, serves, serves)


ONE_BY_ONE = Limits(surge=1, unavailable=0)


def test_one_new_pod_comes_before_one_old_pod_goes() -> None:
    goal = {"new": 3, "old": 0}
    begun = next_sizes({"old": running(3)}, goal, 3, ONE_BY_ONE)
    assert begun == {"new": 1, "old": 3}
    waiting = next_sizes({"old": running(3), "new": starting(1)}, goal, 3, ONE_BY_ONE)
    assert waiting == {"new": 1, "old": 3}
    exchanged = next_sizes({"old": running(3), "new": running(1)}, goal, 3, ONE_BY_ONE)
    assert exchanged == {"new": 1, "old": 2}


def test_without_surge_one_old_pod_makes_room_first() -> None:
    allowed = Limits(surge=0, unavailable=1)
    assert next_sizes({"old": running(3)}, {"new": 3, "old": 0}, 3, allowed) == {"new": 0, "old": 2}


def test_pods_that_do_not_serve_make_room_at_once() -> None:
    broken = {"old": starting(3)}
    assert next_sizes(broken, {"new": 3, "old": 0}, 3, ONE_BY_ONE) == {"new": 1, "old": 0}


def test_taking_back_removes_the_broken_pod_and_keeps_the_rest() -> None:
    found = {"old": running(2), "new": starting(2, serves=1)}
    assert next_sizes(found, {"old": 3, "new": 0}, 3, ONE_BY_ONE) == {"old": 2, "new": 1}


def test_pods_that_get_no_traffic_are_free_to_go() -> None:
    switched_away = RevisionState(3, 3, 3, 3, endpoints=0)
    found = {"old": switched_away, "new": running(3)}
    assert next_sizes(found, {"new": 3}, 3, ONE_BY_ONE) == {"old": 0, "new": 3}


def test_a_superseded_candidate_goes_before_the_stable_revision() -> None:
    found = {"old": running(2), "bad": running(1), "new": running(1)}
    sizes = next_sizes(found, {"new": 3, "old": 0}, 3, ONE_BY_ONE)
    assert sizes == {"old": 2, "bad": 0, "new": 1}


def test_the_autoscalers_wish_is_followed_in_the_middle() -> None:
    found = {"old": running(2), "new": running(1)}
    assert next_sizes(found, {"new": 2, "old": 4}, 6, ONE_BY_ONE) == {"new": 2, "old": 4}
    assert next_sizes(found, {"new": 1, "old": 0}, 1, ONE_BY_ONE) == {"new": 1, "old": 0}


@st.composite
def states(draw: st.DrawFn) -> RevisionState:
    wanted = draw(st.integers(0, 8))
    current = draw(st.integers(0, 8))
    ready = draw(st.integers(0, current))
    available = draw(st.integers(0, ready))
    return RevisionState(wanted, current, ready, available, draw(st.integers(0, ready)))


families = st.dictionaries(st.sampled_from("abcd"), states(), max_size=4)
goals = st.dictionaries(st.sampled_from("abcd"), st.integers(0, 8), max_size=3)
allowances = st.builds(Limits, st.integers(0, 4), st.integers(0, 4))


def serving_at_worst(found: RevisionState, size: int) -> int:
    """A Deployment removes first what is not ready, and of the rest whatever it likes."""
    removed = max(0, found.wanted - size)
    idle = max(0, found.wanted - found.ready)
    return max(0, serving(found) - max(0, removed - idle))


@given(families, goals, st.integers(0, 8), allowances)
def test_no_act_breaks_the_floor_or_the_ceiling(
    revisions: dict[str, RevisionState], goal: dict[str, int], replicas: int, allowed: Limits
) -> None:
    sizes = next_sizes(revisions, goal, replicas, allowed)
    before = sum(serving(found) for found in revisions.values())
    after = sum(serving_at_worst(found, sizes[name]) for name, found in revisions.items())
    assert after >= min(before, replicas - allowed.unavailable)
    pods_before = sum(existing(found) for found in revisions.values())
    grown = {
        name: replace(revisions.get(name, RevisionState()), wanted=sizes[name]) for name in sizes
    }
    pods_after = sum(existing(found) for found in grown.values())
    assert pods_after <= max(pods_before, replicas + allowed.surge)
    assert all(size >= 0 for size in sizes.values())


@given(families, goals, st.integers(0, 8), allowances)
def test_each_act_leads_towards_the_goal(
    revisions: dict[str, RevisionState], goal: dict[str, int], replicas: int, allowed: Limits
) -> None:
    for name, size in next_sizes(revisions, goal, replicas, allowed).items():
        before, wish = revisions.get(name, RevisionState()).wanted, goal.get(name, 0)
        assert min(before, wish) <= size <= max(before, wish)


@given(
    st.integers(0, 6),
    st.integers(0, 100),
    st.tuples(st.integers(0, 3), st.integers(0, 3)).filter(any),
    st.integers(0, 6),
)
def test_where_all_pods_start_the_goal_is_reached(
    replicas: int, weight: int, allowance: tuple[int, int], before: int
) -> None:
    allowed = limits(*allowance, replicas)
    found = split(replicas, weight, allowed.surge)
    goal = {"new": found.candidate, "old": found.stable}
    sizes = {"old": before}
    for _ in range(4 * (replicas + before) + 4):
        sizes = next_sizes({n: running(s) for n, s in sizes.items()}, goal, replicas, allowed)
    assert {name: sizes.get(name, 0) for name in goal} == goal
