"""What the engine does next, as a person on call would tell it."""

from cms_operator.observed.snapshot import RevisionState
from cms_operator.rollout.decision import DecisionPhase
from tests.unit.rollout.pictures import picture, serving, starting

FAILED, RUNNING, COMPLETE = "Failed", "Running", "Complete"


def test_a_new_cms_starts_its_pods_only_after_its_migration() -> None:
    waiting = picture(3, "a", migration=RUNNING)
    assert (waiting.phase, waiting.sizes) == (DecisionPhase.MIGRATING, {})
    started = picture(3, "a", migration=COMPLETE)
    assert (started.phase, started.sizes) == (DecisionPhase.PROGRESSING, {"a": 3})


def test_the_first_revision_that_serves_is_stable() -> None:
    decision = picture(3, "a", revisions={"a": serving(3)})
    assert (decision.phase, decision.stable, decision.progress) == (
        DecisionPhase.HEALTHY,
        "a",
        None,
    )


def test_a_first_revision_that_never_serves_gives_way_to_its_fix() -> None:
    decision = picture(3, "b", revisions={"a": starting(3)})
    assert decision.sizes == {"a": 0, "b": 1}
    assert picture(3, "b", revisions={"b": starting(1)}).sizes == {"b": 3}


def test_a_failed_migration_leaves_the_stable_revision_at_its_size() -> None:
    decision = picture(3, "b", "a", migration=FAILED, revisions={"a": serving(3)})
    assert (decision.phase, decision.sizes, decision.stable) == (
        DecisionPhase.MIGRATING,
        {"a": 3},
        "a",
    )


def test_figures_of_an_older_deployment_spec_prove_nothing() -> None:
    unseen = RevisionState(3, 3, 3, 3, 3, observed=False)
    assert picture(3, "a", revisions={"a": unseen}).phase is DecisionPhase.PROGRESSING


def test_a_deleted_stable_deployment_comes_back() -> None:
    assert picture(3, "a", "a", migration=FAILED).sizes == {"a": 3}
    decision = picture(3, "b", "a", migration=FAILED)
    assert decision.sizes == {"a": 3}


def test_a_tenant_added_later_migrates_without_touching_the_pods() -> None:
    decision = picture(3, "a", "a", migration=RUNNING, revisions={"a": serving(3)})
    assert (decision.phase, decision.sizes) == (DecisionPhase.HEALTHY, {"a": 3})


def test_scaling_to_zero_is_a_wish_like_any_other() -> None:
    assert picture(0, "a", "a", revisions={"a": serving(3)}).sizes == {"a": 0}
    resting = picture(0, "b", "a", revisions={"a": serving(0), "b": serving(0)})
    assert resting.stable == "b"


def test_empty_deployments_of_other_revisions_go() -> None:
    decision = picture(3, "a", "a", revisions={"a": serving(3), "old": serving(0)})
    assert (decision.sizes, decision.retire) == ({"a": 3}, ("old",))
