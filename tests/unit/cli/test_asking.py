"""How a request is written, and how its answer is read."""

from typing import Any, get_args

import pytest

from cms_operator.api.annotations import Verb
from cms_operator.api.conditions import Reason, Tone
from cms_operator.cli.asking import Answer, CannotAskError, answer, value
from tests.unit.cli.objects import condition, hcms, rollout

PIN = {"from": "b", "to": "a", "by": "alice", "since": "2026-01-01T11:59:00Z"}
REST = {"stableRevision": "b", "rollout": rollout(phase="Completed")}


@pytest.mark.parametrize(
    ("verb", "status", "expected"),
    [
        ("promote", {"rollout": rollout()}, "b:t"),
        ("abort", {"rollout": rollout()}, "b:t"),
        ("retry", {"rollout": rollout(phase="Aborted")}, "b:t"),
        ("retry", {"rollout": rollout(revision="a"), "pin": PIN}, "b:t"),
        ("restart", REST, "b:t"),
        ("rollback", {"rollout": rollout()}, "b:a:t"),
        ("rollback", REST, "b:a:t"),
        ("rollback", {"rollout": rollout(revision="a"), "pin": PIN}, "b:0:t"),
    ],
)
def test_a_request_names_the_revision_that_it_is_about(
    verb: Verb, status: dict[str, Any], expected: str
) -> None:
    assert value(verb, hcms(**status), "t") == expected


def test_a_rollback_goes_where_one_says() -> None:
    assert value("rollback", hcms(**REST), "t", "0") == "b:0:t"


@pytest.mark.parametrize(
    ("verb", "status", "words"),
    [
        ("promote", {"stableRevision": None}, "its first one is still starting"),
        ("promote", {}, "there has been no rollout yet"),
        ("rollback", {"stableRevision": "b", "revisions": []}, "name one with --to"),
    ],
)
def test_where_there_is_nothing_to_ask_it_says_why(
    verb: Verb, status: dict[str, Any], words: str
) -> None:
    with pytest.raises(CannotAskError, match=words):
        value(verb, hcms(**status), "t")


def test_where_nobody_listens_nothing_is_asked_that_would_be_done_later() -> None:
    found = hcms(rollout=rollout())
    found["spec"]["suspend"] = True
    with pytest.raises(CannotAskError, match="suspend is true"):
        value("abort", found, "t")


@pytest.mark.parametrize("reason", Reason)
def test_nothing_is_asked_of_what_is_left_alone_until_it_is_mended(reason: Reason) -> None:
    stalled = condition("Stalled", "True", reason, "delete some")
    found = hcms(rollout=rollout(), observedGeneration=2, conditions=[stalled])
    found["metadata"]["generation"] = 2
    if reason.tone is not Tone.LEFT_ALONE:
        assert value("abort", found, "t")
        return
    with pytest.raises(CannotAskError, match=": delete some"):
        value("abort", found, "t")


@pytest.mark.parametrize("verb", get_args(Verb))
def test_a_spec_that_cannot_be_read_is_mended_first_and_a_mended_one_is_not_refused(
    verb: Verb,
) -> None:
    stalled = condition("Stalled", "True", "InvalidSpec", "spec.replicas: must be 0 or more")
    found = hcms(rollout=rollout(), observedGeneration=2, conditions=[stalled])
    found["metadata"]["generation"] = 2
    with pytest.raises(CannotAskError, match="its spec cannot be used: spec"):
        value(verb, found, "t")
    found["metadata"]["generation"] = 3
    assert value(verb, found, "t")


def test_only_the_answer_to_this_request_counts() -> None:
    requests = [
        {"verb": "promote", "value": "b:1", "by": "alice", "outcome": "promoted past step 2"},
        {"verb": "abort", "value": "b:1", "by": "bob", "outcome": "refused: it is Completed"},
    ]
    found = hcms(rollout=rollout(requests=requests))
    assert answer(found, "promote", "b:2") is None
    assert answer(found, "promote", "b:1") == Answer(
        refused=False, words="promoted past step 2 (asked by alice)"
    )
    assert answer(found, "abort", "b:1") == Answer(
        refused=True, words="it is Completed (asked by bob)"
    )
