"""What is told as an Event: each cause once, and no noise."""

from datetime import UTC, datetime

import pytest

from cms_operator.api.conditions import ConditionType, Reason, condition
from cms_operator.api.status import AdoptionStatus, Status
from cms_operator.reporting.events import Happening, event, happenings

NOW = datetime(2026, 11, 23, 12, 0, 0, 250_000, tzinfo=UTC)
Row = tuple[ConditionType, bool | None, Reason]

READY: Row = (ConditionType.READY, True, Reason.READY)
ROLLING_OUT: Row = (ConditionType.PROGRESSING, True, Reason.ROLLING_OUT)
MIGRATED: Row = (ConditionType.DATABASE_MIGRATED, True, Reason.MIGRATED)
NOT_MIGRATED: Row = (ConditionType.DATABASE_MIGRATED, False, Reason.MIGRATING)
NOT_ROLLING_OUT: Row = (ConditionType.PROGRESSING, True, Reason.MIGRATING)
ROLLED_OUT: Row = (ConditionType.PROGRESSING, True, Reason.ROLLED_OUT)
MIGRATING: Row = (ConditionType.READY, False, Reason.MIGRATING)
STALLED: Row = (ConditionType.STALLED, True, Reason.SECRET_NOT_FOUND)
NO_SECRET: Row = (ConditionType.SECRETS_READY, False, Reason.SECRET_NOT_FOUND)
NOT_READY_FOR_IT: Row = (ConditionType.READY, False, Reason.SECRET_NOT_FOUND)
FEW: Row = (ConditionType.AVAILABLE, False, Reason.NO_PODS)
ENOUGH: Row = (ConditionType.AVAILABLE, True, Reason.ENOUGH_PODS)
UNKNOWN: Row = (ConditionType.CONNECTIONS_FIT, None, Reason.NO_REPORT_YET)
FIT: Row = (ConditionType.CONNECTIONS_FIT, True, Reason.CONNECTIONS_FIT)
UNFIT: Row = (ConditionType.CONNECTIONS_FIT, False, Reason.TOO_MANY_CONNECTIONS)
CONTRACTING: Row = (ConditionType.SCHEMA_CONTRACTED, False, Reason.CONTRACTING)
CONTRACTED: Row = (ConditionType.SCHEMA_CONTRACTED, True, Reason.CONTRACTED)


def status(*rows: Row, stable: str | None = None) -> Status:
    return Status(
        stable_revision=stable,
        conditions=tuple(
            condition(kind, value, reason, f"about {reason}", generation=1, now=NOW)
            for kind, value, reason in rows
        ),
    )


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        pytest.param([], [MIGRATING, ENOUGH], ["Migrating"], id="a new one tells what it does"),
        pytest.param([], [FEW, UNKNOWN], [], id="a new one has no pods, which is no news"),
        pytest.param([], [NOT_READY_FOR_IT, STALLED, NO_SECRET], ["SecretNotFound"], id="once"),
        pytest.param([UNKNOWN], [FIT], [], id="as it should be, which nobody had doubted"),
        pytest.param([UNFIT], [FIT], ["ConnectionsFit"], id="as it should be again"),
        pytest.param([UNKNOWN], [UNFIT], ["TooManyConnections"], id="not as it should be"),
        pytest.param([CONTRACTING], [CONTRACTED], ["Contracted"], id="it has been contracted"),
        pytest.param([MIGRATING], [READY], ["Ready"], id="it has become ready"),
        pytest.param(
            [MIGRATING, ROLLING_OUT], [READY, ROLLED_OUT], ["Ready"], id="ready, so rolled out"
        ),
        pytest.param(
            [READY, ROLLING_OUT], [READY, ROLLED_OUT], ["RolledOut"], id="it was ready all along"
        ),
        pytest.param([READY], [READY], [], id="nothing has changed"),
        pytest.param([MIGRATING, ENOUGH], [MIGRATING, FEW], [], id="pods come and go meanwhile"),
        pytest.param([READY, ENOUGH], [READY, FEW], ["NoPods"], id="nothing serves"),
        pytest.param([NO_SECRET], [READY], ["Ready"], id="healed"),
    ],
)
def test_what_is_told(before: list[Row], after: list[Row], told: list[str]) -> None:
    assert [found.reason for found in happenings(status(*before), status(*after))] == told


@pytest.mark.parametrize(
    ("stable", "told"), [(None, ["Migrated"]), ("a", ["Migrated", "RollingOut"])]
)
def test_after_the_first_migration_the_first_pods_go_without_saying(
    stable: str | None, told: list[str]
) -> None:
    before = status(NOT_MIGRATED, NOT_ROLLING_OUT, stable=stable)
    after = status(MIGRATED, ROLLING_OUT, stable=stable)
    assert [found.reason for found in happenings(before, after)] == told


def test_trouble_is_a_warning_and_the_rest_is_not() -> None:
    (bad,) = happenings(status(READY), status(NO_SECRET))
    (good,) = happenings(status(MIGRATING), status(READY))
    assert (bad.severity, bad.note) == ("Warning", "about SecretNotFound")
    assert good.severity == "Normal"


def test_an_event_names_its_object_and_its_time_to_the_microsecond() -> None:
    (happening,) = happenings(status(), status(MIGRATING))
    parent = {"metadata": {"name": "shop", "namespace": "team-a", "uid": "1"}}
    told = event(parent, happening, NOW)
    assert told["regarding"]["name"] == "shop"
    assert told["regarding"]["uid"] == "1"
    assert told["metadata"] == {"generateName": "shop-", "namespace": "team-a"}
    assert told["eventTime"] == "2026-11-23T12:00:00.250000Z"


ADOPTING = AdoptionStatus(request="1", objects=("Secret/shop-jwt",))
MORE = ADOPTING.model_copy(update={"objects": ("Secret/shop-jwt", "Service/shop")})


@pytest.mark.parametrize(
    ("before", "after", "notes"),
    [
        (None, ADOPTING, ["Took over Secret/shop-jwt."]),
        (ADOPTING, MORE, ["Took over Service/shop."]),
        (MORE, MORE.model_copy(update={"finished_at": NOW}), []),
        (None, AdoptionStatus(request="1"), []),
        (
            None,
            AdoptionStatus(request="1", finished_at=NOW),
            ["There is nothing left to take over."],
        ),
        (MORE, MORE, []),
        (MORE, ADOPTING.model_copy(update={"request": "2"}), ["Took over Secret/shop-jwt."]),
    ],
)
def test_each_object_that_is_taken_over_is_told_once(
    before: AdoptionStatus | None, after: AdoptionStatus, notes: list[str]
) -> None:
    found = happenings(Status(adoption=before), Status(adoption=after))
    assert [(happening.reason, happening.note) for happening in found] == [
        ("Adopted", note) for note in notes
    ]


@pytest.mark.parametrize("letter", ["a", "é", "数"])
def test_a_long_note_is_cut_to_the_bytes_that_an_event_may_have(letter: str) -> None:
    """A policy of the cluster may speak Chinese."""
    parent = {"metadata": {"name": "shop", "namespace": "team-a", "uid": "u"}}
    body = event(parent, Happening("Warning", "PodsRefused", 1024 * letter), NOW)
    assert 990 < len(body["note"].encode()) <= 1024
    assert {*body["note"]} == {letter}
