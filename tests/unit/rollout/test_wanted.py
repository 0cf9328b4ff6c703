"""Rollbacks and restarts: which revision is wanted, and how long."""

from dataclasses import replace
from datetime import timedelta
from typing import Any, get_args

import pytest

from cms_operator.api.annotations import Verb
from cms_operator.api.status import RequestStatus, RevisionStatus, RolloutStatus, Status
from cms_operator.observed.schema import Schemas
from cms_operator.observed.snapshot import Request
from cms_operator.rollout.decide import decide, may_contract
from cms_operator.rollout.decision import Decision, DecisionPhase
from cms_operator.rollout.history import stable_times
from cms_operator.rollout.wanted import Situation, WantedRevision, unchanged, wanted_revision
from tests.unit.rollout.pictures import NOON, picture, rollout, serving, snapshot

TOO_EARLY = "refused: there was no stable revision yet"
CANARY = rollout(strategy="Canary", canary={"steps": [{"setWeight": 34}, {"pause": {}}]})


COMPLETED = RolloutStatus(
    revision="c", strategy="RollingUpdate", phase="Completed", started_at=NOON, since=NOON
)


def named(base: str) -> Any:
    """A revision's name has no colon."""
    return lambda restart: f"{base}+{restart.replace(':', '-')}" if restart else base


def ask(before: Status, *requests: Request, spec: str = "c", sources: str = "") -> WantedRevision:
    named_so = named(spec + sources)
    return wanted_revision(
        Situation(before, named_so, lambda: spec, {"a", "b", "c"}, NOON), requests
    )


def status(stable: str | None = "c", **found: Any) -> Status:
    return Status(stable_revision=stable, **found)


def after(before: Status, wanted: WantedRevision) -> Status:
    """The status that the operator leaves, with the answers."""
    rollout = before.rollout or COMPLETED
    requests = {found.verb: found for found in (*rollout.requests, *wanted.answers)}
    kept = rollout.model_copy(update={"requests": tuple(requests.values())})
    return before.model_copy(
        update={
            "rollout": kept,
            "pin": wanted.pin,
            "restart": wanted.restart,
            "updated_revision": wanted.revision,
        }
    )


def back_to(to: str, of: str = "c") -> Request:
    return Request("rollback", f"{of}:{to}", "alice")


@pytest.mark.parametrize("verb", get_args(Verb))
def test_whatever_may_be_asked_is_answered(verb: Verb) -> None:
    asked = (Request(verb, "c"),)
    taken_up = ask(status(rollout=COMPLETED), *asked).answers
    answered = picture(3, "c", "c", progress=COMPLETED, requests=asked, answers=taken_up)
    assert answered.progress is not None
    assert [found.verb for found in answered.progress.requests] == [verb]


ROLLED_BACK = after(status(), ask(status(), back_to("b")))


def outcome(wanted: WantedRevision) -> str:
    (found,) = wanted.answers
    return found.outcome


def test_a_rollback_holds_until_the_spec_asks_for_something_else() -> None:
    assert ROLLED_BACK.pin is not None
    assert (ROLLED_BACK.pin.from_revision, ROLLED_BACK.pin.by) == ("c", "alice")
    again = ask(ROLLED_BACK, back_to("b"))
    assert (again.target, again.revision, again.answers) == ("b", "c", ())
    assert unchanged(ROLLED_BACK).target == "b", "also while the Secrets cannot be read"
    fixed = ask(ROLLED_BACK, back_to("b"), spec="d")
    assert (fixed.target, fixed.pin, fixed.answers) == ("d", None, ())
    assert ask(after(ROLLED_BACK, fixed), back_to("b")).target == "c", "it was answered once"


def test_a_rollback_holds_while_only_the_source_secrets_change() -> None:
    moved = ask(ROLLED_BACK, sources="-elsewhere")
    assert (moved.target, moved.revision) == ("b", "c-elsewhere")
    assert moved.pin is not None
    assert moved.pin.from_revision == "c-elsewhere"
    again = after(ROLLED_BACK, moved)
    assert ask(again, sources="-elsewhere", spec="d").pin is None
    ended = ask(again, Request("retry", "c-elsewhere"), sources="-elsewhere")
    assert ended.target == "c-elsewhere"


def test_a_retry_of_what_the_spec_asks_for_ends_a_rollback() -> None:
    assert ask(ROLLED_BACK, Request("retry", "b")).pin is not None, "that is of the rollout"
    retried = ask(ROLLED_BACK, Request("retry", "c"))
    assert (retried.target, outcome(retried)) == ("c", "the rollback to b is ended")


@pytest.mark.parametrize(
    ("before", "value", "words"),
    [
        (status(), "c", "needs FROM:TO"),
        (status(), "b:a", "the spec asks for revision c"),
        (status(), "c:c", "the spec asks for it already"),
        (status(), "c:x", "there is no revision x"),
        (ROLLED_BACK, "c:b:2", "rolled back to this revision already"),
    ],
)
def test_a_rollback_that_makes_no_sense_is_refused_with_the_reason(
    before: Status, value: str, words: str
) -> None:
    wanted = ask(before, Request("rollback", value))
    assert outcome(wanted).startswith("refused: ")
    assert words in outcome(wanted)
    assert wanted.pin == before.pin


def test_a_rollback_to_an_image_that_cannot_read_the_schema_is_refused() -> None:
    schemas = Schemas({"a": 1, "b": 2}, oldest_readable=2)
    found = Situation(status(), named("c"), lambda: "c", {"a", "b", "c"}, NOON, schemas)
    refused = wanted_revision(found, [back_to("a")])
    assert "its image was made for schema 1" in outcome(refused)
    assert refused.pin is None
    assert wanted_revision(found, [back_to("b")]).target == "b"


def test_no_schema_is_contracted_while_a_rollback_holds() -> None:
    rest = snapshot(3, "b", "b", revisions={"b": serving(3)})
    held = replace(rest, pin=ROLLED_BACK.pin)
    assert (may_contract(rest, decide(rest)), may_contract(held, decide(held))) == (True, False)


def test_a_rollback_can_go_on_to_another_revision() -> None:
    assert ask(ROLLED_BACK, Request("rollback", "c:a")).target == "a"


def test_what_was_asked_before_anything_is_stable_is_never_carried_out() -> None:
    """It was answered in an earlier life of the object, whose status a restore does not bring."""
    asked = (back_to("b"), Request("restart", "c"), Request("abort", "c"))
    wanted = ask(status(None), *asked)
    assert (wanted.target, wanted.pin, wanted.restart) == ("c", None, None)
    assert [found.outcome for found in wanted.answers] == [TOO_EARLY] * len(asked)

    first = decide(snapshot(3, "c", revisions={"c": serving(3)}, answers=wanted.answers))
    assert first.progress is not None
    assert (first.stable, first.progress.requests) == ("c", wanted.answers)
    passed = status("c", rollout=first.progress)
    assert ask(passed, *asked) == WantedRevision("c")
    assert ask(passed, Request("restart", "c:2")).restart is not None, "that is a new one"


def test_a_restart_is_a_revision_of_its_own_until_the_spec_changes() -> None:
    restarted = ask(status(), Request("restart", "c:1", "alice"))
    assert (restarted.target, outcome(restarted)) == ("c+c-1", "released anew as revision c+c-1")
    kept = after(status(), restarted)
    assert ask(kept).target == "c+c-1", "also when the annotation is gone"
    assert ask(kept, spec="d").target == "d"
    passed = kept.model_copy(update={"stable_revision": "c+c-1"})
    for name in ("c", "c+c-1"):
        second = ask(passed, Request("restart", f"{name}:2"))
        assert second.target == f"c+{name}-2", "known by either name"


@pytest.mark.parametrize(
    ("before", "value", "words"),
    [
        (status(), "b", "the spec asks for revision c"),
        (ROLLED_BACK, "c", "the rollback to b holds"),
        (status("b"), "c", "it is not stable; retry"),
        (
            status("b", rollout=picture(3, "c", "b", revisions={"b": serving(3)}).progress),
            "c",
            "a rollout is under way",
        ),
    ],
)
def test_only_what_has_passed_is_restarted(before: Status, value: str, words: str) -> None:
    wanted = ask(before, Request("restart", value))
    assert words in outcome(wanted)
    assert wanted.restart is None


def rolled_back(**found: Any) -> Decision:
    found = {"revisions": {"c": serving(3)}, "rollout": CANARY, "pin": ROLLED_BACK.pin, **found}
    return picture(3, "b", "c", **found)


def test_back_to_one_that_was_stable_lately_skips_steps_and_pauses() -> None:
    quick = rolled_back(formerly=("b",)).progress
    slow = rolled_back().progress
    assert quick is not None
    assert slow is not None
    assert (quick.set_weight, slow.set_weight) == (100, 34)
    assert quick.rollback


def test_what_somebody_rolled_back_from_gets_all_its_steps_when_it_is_tried_again() -> None:
    quick = {"formerly": ("b",)}
    begun = rolled_back(**quick)
    over = rolled_back(**quick, revisions={"b": serving(3)}, progress=begun.progress)
    assert (over.phase, over.stable) == (DecisionPhase.HEALTHY, "b")
    again = picture(
        3, "c", "b", revisions={"b": serving(3)}, rollout=CANARY, progress=over.progress
    ).progress
    assert again is not None
    assert (again.set_weight, again.rollback) == (34, False)


def test_the_answer_is_kept_where_nothing_was_ever_rolled_out() -> None:
    answer = RequestStatus(verb="rollback", value="a:x", outcome="refused: there is no revision x")
    rest = picture(3, "a", "a", revisions={"a": serving(3)}, answers=(answer,))
    assert rest.progress is not None
    assert (rest.progress.phase, rest.progress.requests) == ("Completed", (answer,))
    late = picture(3, "a", "a", revisions={"a": serving(3)}, requests=(Request("abort", "a"),))
    assert late.progress is not None
    assert late.progress.requests[0].outcome == "refused: the rollout is Completed"


def test_the_answer_is_kept_while_a_migration_is_awaited() -> None:
    answer = RequestStatus(verb="retry", value="b", outcome="the rollback to a is ended")
    waiting = decide(
        snapshot(
            3, "b", "a", revisions={"a": serving(3)}, migration="Running",
            answers=(answer,),
        )
    )  # fmt: skip
    assert waiting.phase is DecisionPhase.MIGRATING
    assert waiting.progress is not None
    assert waiting.progress.requests == (answer,)
    told = (waiting.progress.revision, waiting.progress.phase)
    assert told == ("a", "Completed"), "b has not even begun"


def test_who_asks_for_what_the_schema_has_left_behind_is_answered_too() -> None:
    """Nothing was ever rolled out, so that there is no rollout that could keep the answer."""
    too_new = Schemas({"a": 5, "b": 3}, oldest_readable=5)
    found = picture(
        3, "b", "a", revisions={"a": serving(3)}, schemas=too_new, requests=(Request("retry", "b"),)
    )
    assert found.phase is DecisionPhase.REFUSED
    assert found.progress is not None
    assert (found.progress.revision, found.progress.phase) == ("a", "Completed")
    assert found.progress.requests[0].outcome == "refused: the rollout is of revision a"


def test_a_revision_is_stable_since_it_became_so() -> None:
    first = stable_times(status(None), "a", None, NOON)
    assert first == {"a": NOON}
    record = RevisionStatus(name="a", image="i", created_at=NOON, stable_at=NOON)
    before = status("a", revisions=(record,))
    later = NOON + timedelta(hours=1)
    assert stable_times(before, "a", None, later) == {"a": NOON}
    assert stable_times(before, "b", None, later) == {"a": NOON, "b": later}
    back = before.model_copy(update={"stable_revision": "b"})
    assert stable_times(back, "a", None, later) == {"a": later}


def test_what_somebody_rolled_back_from_does_not_count_as_stable_once() -> None:
    """Nor does it when a fix has come in between and was taken back."""
    records = tuple(
        RevisionStatus(name=name, image="i", created_at=NOON, stable_at=NOON) for name in "bc"
    )
    before = status("c", revisions=records)
    pin = ROLLED_BACK.pin
    hours = NOON + timedelta(hours=1)
    assert stable_times(before, "c", pin, hours) == dict.fromkeys("bc", NOON), "it serves still"
    assert set(stable_times(before, "b", pin, NOON)) == {"b"}
