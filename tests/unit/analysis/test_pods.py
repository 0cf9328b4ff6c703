"""What the kubelet says of containers."""

from typing import Any

from cms_operator.resources import labels
from cms_operator.rollout.analysis.pods import readings, states


def pod(uid: str, revision: str, *, ready: bool = True, restarts: int = 0, **metadata: Any) -> Any:
    return {
        "metadata": {"uid": uid, "labels": {labels.REVISION: revision}, **metadata},
        "status": {"containerStatuses": [{"ready": ready, "restartCount": restarts}]},
    }


def verdicts(before: list[Any], now: list[Any]) -> dict[str, bool | None]:
    earlier = states(before, {})
    found = readings(earlier, states(now, earlier), "b", "a")
    return {reading.measure: reading.passed for reading in found}


GOOD = {"readiness": True, "restarts": True}


def test_ready_pods_pass() -> None:
    assert verdicts([pod("1", "b")], [pod("1", "b"), pod("2", "b", ready=False)]) == GOOD


def test_one_that_was_ready_and_is_no_longer_does_not() -> None:
    assert verdicts([pod("1", "b")], [pod("1", "b", ready=False)])["readiness"] is False


def test_one_that_goes_is_no_failure() -> None:
    leaving = pod("1", "b", ready=False, deletionTimestamp="2026-01-01T12:00:00Z")
    assert verdicts([pod("1", "b")], [leaving, pod("2", "b")]) == GOOD
    assert verdicts([pod("1", "b")], [leaving]) == {}


def test_one_that_a_node_has_evicted_is_no_failure() -> None:
    """Its object stays, without an end of its own."""
    evicted = pod("1", "b", ready=False)
    evicted["status"]["phase"] = "Failed"
    assert verdicts([pod("1", "b")], [evicted, pod("2", "b")]) == GOOD
    assert verdicts([pod("1", "b")], [evicted]) == {}


def test_only_a_new_restart_counts() -> None:
    assert verdicts([pod("1", "b", restarts=1)], [pod("1", "b", restarts=1)]) == GOOD
    assert verdicts([pod("1", "b")], [pod("1", "b", restarts=1)])["restarts"] is False


def test_what_befalls_stable_too_is_not_the_candidates_fault() -> None:
    before = [pod("1", "b"), pod("2", "a")]
    now = [pod("1", "b", ready=False, restarts=1), pod("2", "a", ready=False, restarts=1)]
    assert verdicts(before, now) == {"readiness": None, "restarts": None}
