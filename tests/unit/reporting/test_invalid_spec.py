"""A spec that got past an older or newer CRD: told, and nothing else is touched."""

from datetime import timedelta

from cms_operator.api.conditions import Condition, ConditionType, Reason
from cms_operator.api.problem import Problem
from cms_operator.api.status import MigrationStatus, Status
from cms_operator.reporting.events import happenings
from cms_operator.reporting.status import build_invalid_status
from tests.unit.rollout.pictures import NOON

GENERATION = 8
WRONG = Problem(Reason.INVALID_SPEC, "spec.logLevel: Input should be 'debug' or 'info'")
BEFORE = Status(
    observed_generation=7,
    replicas=3,
    ready_replicas=3,
    selector="app.kubernetes.io/instance=shop",
    version="1.0.0",
    stable_revision="a",
    updated_revision="a",
    address="shop.example",
    migration=MigrationStatus(key="k", phase="Complete", to_version=2),
)


def test_it_is_not_ready_stalled_and_says_which_field() -> None:
    status = build_invalid_status(BEFORE, GENERATION, WRONG, NOON)
    told = {found.type: (found.status, found.reason, found.message) for found in status.conditions}
    assert told == {
        ConditionType.READY: ("False", "InvalidSpec", WRONG.message),
        ConditionType.RECONCILING: ("False", "InvalidSpec", "Nothing was changed."),
        ConditionType.STALLED: ("True", "InvalidSpec", WRONG.message),
    }
    assert {found.observed_generation for found in status.conditions} == {GENERATION}
    assert status.observed_generation == GENERATION


def test_all_that_is_known_of_what_runs_stays() -> None:
    status = build_invalid_status(BEFORE, GENERATION, WRONG, NOON)
    told = {"conditions", "observed_generation"}
    assert status.model_dump(exclude=told) == BEFORE.model_dump(exclude=told)


def test_it_is_one_event_and_told_once() -> None:
    first = build_invalid_status(BEFORE, GENERATION, WRONG, NOON)
    assert [found.reason for found in happenings(BEFORE, first)] == ["InvalidSpec"]
    again = build_invalid_status(first, GENERATION, WRONG, NOON + timedelta(minutes=1))
    assert again == first


def test_pods_that_are_lost_meanwhile_are_told() -> None:
    ready = Condition(
        type=ConditionType.AVAILABLE,
        status="True",
        reason=Reason.ENOUGH_PODS,
        message="3 of 3 wanted pods answer.",
        observed_generation=7,
        last_transition_time=NOON,
    )
    before = BEFORE.model_copy(update={"conditions": (ready,)})
    for answering, told in [(0, ("False", "NoPods")), (2, ("True", "FewerPods"))]:
        status = build_invalid_status(before, GENERATION, WRONG, NOON, answering=(answering, 3))
        (found,) = [each for each in status.conditions if each.type == ConditionType.AVAILABLE]
        assert (found.status, found.reason) == told
        assert found.message == f"{answering} of 3 wanted pods answer."
