"""Counts of pods may be told a little later; whatever else happens is told at once."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from cms_operator.api.status import MigrationStatus, RevisionStatus, Status
from cms_operator.observed.snapshot import RevisionState
from cms_operator.reporting.facts import Facts
from cms_operator.reporting.news import counts_wait, is_settled, only_counts
from tests.unit.reporting.test_report import PULL, facts, status_of
from tests.unit.rollout.pictures import NOON, later, rollout, serving, snapshot, starting

CANARY = rollout(strategy="Canary", canary={"steps": [{"setWeight": 34}, {"setWeight": 67}]})


def canary(stable: RevisionState, candidate: RevisionState, before: Status | None) -> Facts:
    revisions = {"a": stable, "b": candidate}
    progress = before.rollout if before else None
    return facts(snapshot(3, "b", "a", rollout=CANARY, revisions=revisions, progress=progress))


BEGUN = status_of(canary(serving(3), RevisionState(), None))


@pytest.mark.parametrize(
    ("stable", "candidate"),
    [
        (serving(3), starting(1)),
        (serving(3), RevisionState(1, 1, 1, 1, 0)),
        (serving(3), serving(1)),
    ],
    ids=["a pod is there", "it is ready and gets no traffic yet", "it serves beside the old ones"],
)
def test_pods_that_come_and_go_are_counts(stable: RevisionState, candidate: RevisionState) -> None:
    after = status_of(canary(stable, candidate, BEGUN), BEGUN)
    assert after != BEGUN
    assert only_counts(BEGUN, after)


FEW, ENOUGH = RevisionState(3, 3, 1, 1, 1), RevisionState(3, 3, 2, 2, 3)


@pytest.mark.parametrize(
    ("before", "after", "is_count"),
    [
        (starting(3), FEW, True),
        (FEW, ENOUGH, True),
        (ENOUGH, FEW, False),
        (FEW, starting(3), False),
    ],
    ids=["the first answers", "enough answer", "no longer enough", "none any longer"],
)
def test_that_more_pods_answer_is_a_count_and_that_fewer_do_is_news(
    before: RevisionState, after: RevisionState, *, is_count: bool
) -> None:
    def first_rollout(only: RevisionState, known: Status | None = None) -> Status:
        progress = known.rollout if known else None
        seen = snapshot(3, "a", None, revisions={"a": only}, progress=progress)
        return status_of(facts(seen), known)

    known = first_rollout(before)
    after_it = first_rollout(after, known)
    assert after_it.conditions != known.conditions
    assert only_counts(known, after_it) is is_count


@pytest.mark.parametrize(
    ("begun", "waits"),
    [
        ({"phase": "Running"}, True),
        ({"phase": "Failed", "message": "no such table"}, False),
        ({"phase": "Complete"}, False),
        ({"phase": "Running", "key": "another"}, False),
    ],
    ids=["its Job has begun", "it has failed", "it is done", "another one"],
)
def test_that_a_migration_has_begun_may_wait_and_its_end_may_not(
    begun: dict[str, str], *, waits: bool
) -> None:
    def new(migration: MigrationStatus, known: Status | None = None) -> Status:
        found = facts(snapshot(3, "a", migration=migration.phase), migration=migration)
        return status_of(found, known)

    pending = MigrationStatus(key="k", phase="Pending")
    known = new(pending)
    assert only_counts(known, new(pending.model_copy(update=begun), known)) is waits


def test_a_cms_whose_migration_is_under_way_is_not_settled() -> None:
    assert not is_settled(snapshot(3, "a", migration="Running"))
    assert is_settled(snapshot(3, "a", migration="Failed"))


def test_another_step_is_news() -> None:
    after = status_of(canary(serving(2), serving(1), BEGUN), BEGUN)
    assert after.rollout is not None
    assert after.rollout.current_step_index == 1
    assert not only_counts(BEGUN, after)


def test_a_problem_is_news() -> None:
    found = canary(serving(3), starting(1), BEGUN)
    stuck = replace(found, snapshot=replace(found.snapshot, problem=PULL))
    assert not only_counts(BEGUN, status_of(stuck, BEGUN))


@pytest.mark.parametrize(
    "news",
    [{"observed_generation": 9}, {"address": "cms.example"}, {"version": "2"}, {"selector": "a=b"}],
    ids=str,
)
def test_what_tools_wait_for_is_news_beside_a_pod_that_comes(news: dict[str, Any]) -> None:
    after = status_of(canary(serving(3), starting(1), BEGUN), BEGUN)
    assert not only_counts(BEGUN, after.model_copy(update=news))


def test_that_a_revision_has_become_stable_is_news_and_its_pods_are_counts() -> None:
    old = RevisionStatus(name="a", image="i", created_at=NOON)
    before = BEGUN.model_copy(update={"revisions": (old,)})

    def then(**changes: Any) -> Status:
        return before.model_copy(update={"revisions": (old.model_copy(update=changes),)})

    assert only_counts(before, then(replicas=2, ready_replicas=1))
    assert not only_counts(before, then(replicas=2, stable_at=NOON))


def test_nothing_new_is_nothing_to_tell() -> None:
    assert not only_counts(BEGUN, BEGUN)


@pytest.mark.parametrize(
    ("candidate", "rests"),
    [
        (serving(1), True),
        (starting(1), False),
        (RevisionState(1, 1, 1, 1, 0), False),
        (RevisionState(1, 1, 1, 1, 0, preview=1), True),
        (RevisionState(0, 1, 1, 1, 1), False),
        (RevisionState(0, 0, 0, 0, 1), False),
        (RevisionState(1, 1, 1, 1, 1, observed=False), False),
    ],
    ids=[
        "serves",
        "starts",
        "gets no traffic",
        "is previewed",
        "goes",
        "still gets traffic",
        "was changed just now",
    ],
)
def test_counts_are_at_rest_when_pods_and_traffic_are(
    candidate: RevisionState, *, rests: bool
) -> None:
    assert is_settled(snapshot(3, "b", "a", revisions={"a": serving(3), "b": candidate})) is rests


@pytest.mark.parametrize(
    ("age", "cost", "busy", "wait"),
    [
        (4, 0.01, False, 6),
        (4, 0.01, True, 6),
        (10, 0.01, False, 0),
        (10, 0.01, True, 10),
        (10, 0.3, False, 20),
        (30, 0.3, False, 0),
        (30, 9, False, 30),
        (59, 0.01, True, 10),
        (60, 9, True, 0),
    ],
    ids=[
        "they were told a moment ago",
        "a moment ago, and others wait",
        "they were told a while ago",
        "a while ago, and others wait",
        "a while ago, and the server is slow",
        "long ago, for a server that is slow",
        "long ago, but the server is very slow",
        "long ago, and others wait",
        "too long ago to wait for anything",
    ],
)
def test_counts_give_way_to_others_but_not_for_ever(
    age: int, cost: float, *, busy: bool, wait: int
) -> None:
    told = later(-age)
    assert counts_wait(told, NOON, cost=timedelta(seconds=cost), busy=busy) == wait
