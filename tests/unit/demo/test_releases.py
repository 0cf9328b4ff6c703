"""What the demo tells of a release is what happened."""

import pytest

from demo.headless_cms import current_rollout
from demo.releases import Images, describe, lost_requests, were_shown
from demo.traffic import Report


def report(failures: dict[str, int], lost: int, blamed: dict[str, int]) -> Report:
    return Report(100, failures, lost, blamed, {"a": 90, "b": 10}, {})


@pytest.mark.parametrize(
    ("found", "lost"),
    [
        (report({}, 0, {}), 0),
        (report({"status 500": 3}, 0, {"b": 3}), 0),
        (report({"status 500": 3}, 0, {"b": 2, "a": 1}), 1),
        (report({"status 500": 2, "TimeoutError": 1}, 1, {"b": 2}), 1),
    ],
)
def test_only_the_bad_revisions_own_answers_are_not_lost(found: Report, lost: int) -> None:
    assert lost_requests(found, "b") == lost


@pytest.mark.parametrize(
    ("observed", "updated", "rollout"),
    [
        (1, "a", {"rollout": {"revision": "a"}}),
        (2, "b", {}),
        (2, "b", {"rollout": {"revision": "a"}}),
    ],
    ids=["not yet seen", "migrating, the first", "migrating"],
)
def test_the_end_of_the_release_before_is_not_taken_for_this_ones(
    observed: int, updated: str, rollout: dict[str, dict[str, str]]
) -> None:
    status = {"observedGeneration": observed, "updatedRevision": updated, **rollout}
    assert current_rollout({"metadata": {"generation": 2}, "status": status}) == {}


def test_a_rollout_of_the_present_spec_is_told() -> None:
    rollout = {"revision": "b", "phase": "Progressing"}
    status = {"observedGeneration": 2, "updatedRevision": "b", "rollout": rollout}
    assert current_rollout({"metadata": {"generation": 2}, "status": status}) == rollout


def test_a_second_run_shows_no_release_again() -> None:
    images = Images("cms:1", "cms:good", "cms:bad")
    revisions = [{"image": image} for image in ("cms:1", "cms:good", "cms:bad")]
    assert were_shown({"revisions": revisions}, images)
    assert not were_shown({"revisions": revisions[:2]}, images)
    assert not were_shown({}, images)


def test_a_release_is_told_in_one_line() -> None:
    status = {
        "rollout": {
            "strategy": "Canary",
            "phase": "Paused",
            "currentStepIndex": 1,
            "steps": 4,
            "setWeight": 34,
            "actualWeight": 33,
            "observedWeight": 35,
        },
        "revisions": [
            {"name": "b", "replicas": 1, "readyReplicas": 1},
            {"name": "a", "replicas": 2, "readyReplicas": 2},
            {"name": "0"},
        ],
    }
    assert " ".join(describe(status).split()) == (
        "Canary Paused step 2/4 weight 34 % (set 33 %, seen 35 %) pods b 1/1, a 2/2"
    )
