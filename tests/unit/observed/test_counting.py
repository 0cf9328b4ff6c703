"""Counting what the API server tells of Deployments, endpoints and pods."""

from typing import Any

import pytest

from cms_operator.observed.deployments import revision_states
from cms_operator.observed.endpoints import serving_endpoints
from cms_operator.observed.pods import is_serving, is_starting

READY = [{"type": "Ready", "status": "True"}]


def labelled(name: str, revision: str, **rest: Any) -> dict[str, Any]:
    labels = {"headlesscms.io/revision": revision}
    return {"metadata": {"name": name, "labels": labels, **rest.pop("metadata", {})}, **rest}


def endpoint(pod: str, **conditions: Any) -> dict[str, Any]:
    return {"targetRef": {"name": pod}, "conditions": conditions}


def slices(*endpoints: dict[str, Any], service: str = "shop") -> list[dict[str, Any]]:
    labels = {"kubernetes.io/service-name": service}
    return [{"metadata": {"labels": labels}, "endpoints": list(endpoints)}]


def test_a_deployment_is_counted_as_its_controller_has_seen_it() -> None:
    deployment = labelled(
        "shop-a",
        "a",
        metadata={"generation": 4},
        spec={"replicas": 3},
        status={"observedGeneration": 3, "replicas": 5, "readyReplicas": 2, "availableReplicas": 1},
    )
    state = revision_states([deployment], {"a": 2}, {"a": 1})["a"]
    assert (state.wanted, state.current, state.ready, state.available) == (3, 5, 2, 1)
    assert (state.endpoints, state.preview) == (2, 1)
    assert not state.observed


def test_a_deployment_that_was_made_just_now_has_been_seen_by_nobody() -> None:
    made = labelled("shop-a", "a", metadata={"generation": 1}, spec={"replicas": 0})
    assert not revision_states([made], {}, {})["a"].observed


def test_a_deployment_that_is_being_deleted_counts_no_more() -> None:
    going = labelled("shop-a", "a", metadata={"deletionTimestamp": "now"}, spec={})
    assert revision_states([going], {}, {}) == {}


def test_a_missed_progress_deadline_is_seen() -> None:
    late = {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}
    deployment = labelled("shop-a", "a", spec={"replicas": 1}, status={"conditions": [late]})
    assert revision_states([deployment], {}, {})["a"].deadline_exceeded


def test_only_ready_endpoints_of_the_service_itself_get_traffic() -> None:
    pods = [labelled("p1", "a"), labelled("p2", "a"), labelled("p3", "b"), labelled("p4", "b")]
    found = slices(
        endpoint("p1", ready=True),
        endpoint("p2", ready=True, terminating=True),
        endpoint("p3", ready=False),
        endpoint("p4"),  # the API reads an absent `ready` as true
        endpoint("stranger", ready=True),
    )
    other = slices(endpoint("p2", ready=True), service="preview")
    assert serving_endpoints([*found, *other], pods, "shop") == {"a": 1, "b": 1}


@pytest.mark.parametrize(
    ("status", "deleted", "serving", "starting"),
    [
        ({"podIP": "10.0.0.1", "conditions": READY, "phase": "Running"}, False, True, False),
        ({"podIP": "10.0.0.1", "conditions": READY, "phase": "Running"}, True, False, False),
        ({"podIP": "10.0.0.1", "conditions": [], "phase": "Running"}, False, False, True),
        ({"podIP": None, "conditions": [], "phase": "Pending"}, False, False, True),
        ({"podIP": "10.0.0.1", "conditions": [], "phase": "Failed"}, False, False, False),
        ({"podIP": "10.0.0.1", "conditions": [], "phase": "Succeeded"}, False, False, False),
    ],
)
def test_a_pod_serves_or_starts_or_neither(
    status: dict[str, Any],
    deleted: bool,  # noqa: FBT001  - a column of the table
    serving: bool,  # noqa: FBT001
    starting: bool,  # noqa: FBT001
) -> None:
    metadata = {"deletionTimestamp": "now"} if deleted else {}
    pod = {"metadata": metadata, "status": status}
    assert (is_serving(pod), is_starting(pod)) == (serving, starting)
