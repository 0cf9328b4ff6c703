"""Releases and the schema: who may start, and when the database may be changed for good."""

from typing import Any

import pytest

from cms_operator.api.status import MigrationStatus, RevisionStatus
from cms_operator.observed.schema import Schemas, can_run, known_schemas, oldest_in_use
from cms_operator.observed.snapshot import Request, RevisionState
from cms_operator.rollout.decide import may_contract
from cms_operator.rollout.decision import Decision, DecisionPhase
from tests.unit.rollout.pictures import NOON, later, picture, rollout, serving, snapshot, starting

STRATEGIES = ["RollingUpdate", "Canary", "BlueGreen"]
EVERY_STRATEGY = pytest.mark.parametrize("strategy", STRATEGIES)
TOO_OLD = Schemas({"a": 3, "b": 2}, oldest_readable=3)
STABLE = {"a": serving(3)}


@pytest.mark.parametrize(
    ("made_for", "oldest", "allowed"),
    [(2, 1, True), (2, 2, True), (2, 3, False), (None, 3, True), (2, None, True)],
)
def test_an_image_runs_where_the_database_still_works_with_it(
    made_for: int | None, oldest: int | None, *, allowed: bool
) -> None:
    known = {} if made_for is None else {"b": made_for}
    assert can_run(Schemas(known, oldest), "b") is allowed


@EVERY_STRATEGY
def test_a_revision_that_the_schema_left_behind_is_not_started(strategy: str) -> None:
    decision = picture(
        3, "b", "a", rollout=rollout(strategy=strategy), schemas=TOO_OLD, revisions=STABLE
    )
    assert (decision.phase, decision.sizes, decision.stable) == (
        DecisionPhase.REFUSED,
        {"a": 3},
        "a",
    )
    assert decision.progress is None


@EVERY_STRATEGY
def test_stable_runs_on_whatever_the_database_says(strategy: str) -> None:
    behind = Schemas({"a": 2}, oldest_readable=3)
    decision = picture(
        3, "a", "a", rollout=rollout(strategy=strategy), schemas=behind, revisions=STABLE
    )
    assert (decision.phase, decision.sizes) == (DecisionPhase.HEALTHY, {"a": 3})


@EVERY_STRATEGY
def test_a_candidate_that_can_no_longer_run_is_taken_back(strategy: str) -> None:
    spec = rollout(strategy=strategy)
    begun = picture(3, "b", "a", rollout=spec, revisions=STABLE).progress
    pods = {"a": serving(3), "b": starting(1)}
    back = picture(3, "b", "a", rollout=spec, revisions=pods, progress=begun, schemas=TOO_OLD)
    assert (back.phase, back.sizes) == (DecisionPhase.REFUSED, {"a": 3, "b": 0})
    assert back.progress is not None
    assert back.progress.phase == "Aborted"
    assert "made for schema 2" in str(back.progress.message)


@EVERY_STRATEGY
def test_a_refused_spec_ends_the_rollout_that_was_under_way(strategy: str) -> None:
    spec = rollout(strategy=strategy)
    begun = picture(3, "c", "a", rollout=spec, revisions=STABLE).progress
    pods = {"a": serving(3), "c": starting(1)}
    decision = picture(3, "b", "a", rollout=spec, revisions=pods, progress=begun, schemas=TOO_OLD)
    assert (decision.phase, decision.sizes) == (DecisionPhase.REFUSED, {"a": 3, "c": 0})
    assert decision.progress is not None
    assert decision.progress.phase == "Superseded"


def test_a_retry_of_it_is_refused_with_the_reason() -> None:
    aborted = picture(3, "b", "a", revisions=STABLE, failure="It crashes.").progress
    decision = picture(
        3, "b", "a",
        revisions=STABLE, progress=aborted, schemas=TOO_OLD, requests=(Request("retry", "b"),),
    )  # fmt: skip
    assert decision.phase is DecisionPhase.REFUSED
    assert decision.progress is not None
    (answer,) = decision.progress.requests
    assert answer.outcome == (
        "refused: its image was made for schema 2, the database works with images for schema 3 or"
        " newer only"
    )
    assert decision.progress.phase == "Aborted"


@EVERY_STRATEGY
def test_a_failed_migration_leaves_stable_untouched(strategy: str) -> None:
    decision = picture(
        3, "b", "a",
        rollout=rollout(strategy=strategy), migration="Failed", revisions=STABLE,
    )  # fmt: skip
    assert (decision.phase, decision.sizes, decision.stable) == (
        DecisionPhase.MIGRATING,
        {"a": 3},
        "a",
    )
    assert (decision.progress, decision.serving) == (None, ("a",))


def contracts(stable: str | None, revisions: dict[str, RevisionState], **found: Any) -> bool:
    seen = snapshot(3, "b", stable, revisions=revisions, **found)
    return may_contract(seen, decision_of(seen))


def decision_of(seen: Any) -> Decision:
    return picture(
        3, "b", seen.stable,
        rollout=seen.rollout, revisions=seen.revisions, progress=seen.progress, now=seen.now,
    )  # fmt: skip


@EVERY_STRATEGY
def test_the_schema_is_contracted_only_for_a_stable_revision_that_is_alone(strategy: str) -> None:
    spec = rollout(strategy=strategy)
    assert contracts("b", {"b": serving(3)}, rollout=spec)
    assert contracts("b", {"a": serving(0), "b": serving(3)}, rollout=spec)
    leaving = RevisionState(wanted=0, current=1)
    for not_yet in ({"a": leaving, "b": serving(3)}, {"a": serving(3), "b": serving(3)}):
        assert not contracts("b", not_yet, rollout=spec)
    assert not contracts("b", {"b": starting(3)}, rollout=spec)


@EVERY_STRATEGY
def test_the_moment_of_the_promotion_is_too_early(strategy: str) -> None:
    """Until it is in the status, a restart could still find the candidate on trial."""
    spec = rollout(strategy=strategy, bakeSeconds=60)
    begun = picture(3, "b", "a", rollout=spec, revisions=STABLE).progress
    assert begun is not None
    baking = begun.model_copy(update={"phase": "Baking", "since": NOON, "current_step_index": 9})
    done = {"a": serving(0), "b": serving(3)}
    for now in (later(59), later(60)):
        assert not contracts("a", done, rollout=spec, progress=baking, now=now)


def test_what_was_aborted_is_never_contracted_for() -> None:
    aborted = picture(3, "b", "a", revisions=STABLE, failure="It crashes.").progress
    assert not contracts("a", STABLE, progress=aborted)
    assert not contracts("a", {"a": serving(3), "b": serving(3)}, progress=aborted)


def revision(name: str, image: str, schema: int | None = None) -> RevisionStatus:
    return RevisionStatus(name=name, image=image, schema_version=schema, created_at=NOON)


def migration(image: str, **told: Any) -> MigrationStatus:
    return MigrationStatus(key="k", image=image, phase="Complete", **told)


def test_revisions_of_one_image_have_one_schema_and_keep_it() -> None:
    images = {"a": "cms:1", "b": "cms:2", "c": "cms:2", "d": "cms:3"}
    told = known_schemas(
        [revision("a", "cms:1", 2)], images, migration("cms:2", schema_version=3, oldest_readable=1)
    )
    assert told == Schemas({"a": 2, "b": 3, "c": 3}, 1)


def test_an_image_that_does_not_tell_is_of_the_schema_that_it_left_first() -> None:
    silent = migration("cms:1", to_version=2)
    assert known_schemas([], {"a": "cms:1"}, silent).made_for == {"a": 2}
    on_a_newer_one = migration("cms:1", to_version=3)
    known = known_schemas([revision("a", "cms:1", 2)], {"a": "cms:1"}, on_a_newer_one)
    assert known.made_for == {"a": 2}


def test_a_migration_that_has_not_passed_tells_nothing_of_its_image() -> None:
    waiting = MigrationStatus(key="k", image="cms:2", phase="Failed", oldest_readable=3)
    assert known_schemas([], {"b": "cms:2"}, waiting) == Schemas({}, 3)


def test_the_oldest_schema_in_use_is_that_of_revisions_with_pods() -> None:
    known = Schemas({"a": 2, "b": 3, "c": 1})
    assert oldest_in_use(known, ["a", "b", "unknown"]) == 2
    assert oldest_in_use(known, ["unknown"]) is None
