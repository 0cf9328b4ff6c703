"""Counting what the API server tells of Deployments, endpoints and Jobs."""

import json
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cms_operator.api.status import Refusal
from cms_operator.rollout.observe import (
    MigrationReport,
    is_serving,
    is_starting,
    job_end,
    migration_phase,
    migration_report,
    requests,
    revision_states,
    serving_endpoints,
)
from cms_operator.rollout.snapshot import MigrationPhase

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


def test_a_deployment_that_is_being_deleted_counts_no_more() -> None:
    going = labelled("shop-a", "a", metadata={"deletionTimestamp": "now"}, spec={})
    assert revision_states([going], {}, {}) == {}


def test_a_missed_progress_deadline_is_seen() -> None:
    late = {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}
    deployment = labelled("shop-a", "a", spec={"replicas": 1}, status={"conditions": [late]})
    assert revision_states([deployment], {}, {})["a"].deadline_exceeded


def test_requests_are_annotations_and_no_others() -> None:
    annotations = {
        "headlesscms.io/promote": "a1:2026",
        "headlesscms.io/abort": "x" * 129,
        "headlesscms.io/migrate": "now",
        "example.com/retry": "a1",
    }
    (found,) = requests(annotations, stamped=True)
    assert (found.verb, found.revision, found.value) == ("promote", "a1", "a1:2026")


@pytest.mark.parametrize(
    ("stamp", "stamped", "by"),
    [
        ({"headlesscms.io/abort-by": "alice"}, True, "alice"),
        ({"headlesscms.io/abort-by": "u" * 999}, True, "u" * 256),
        ({"headlesscms.io/promote-by": "alice"}, True, "unverified"),
        ({"headlesscms.io/abort-by": "alice"}, False, "unverified"),
    ],
)
def test_a_stamp_counts_where_policies_guard_it(
    stamp: dict[str, str],
    stamped: bool,  # noqa: FBT001  - a column of the table
    by: str,
) -> None:
    (found,) = requests({"headlesscms.io/abort": "a1", **stamp}, stamped=stamped)
    assert found.by == by


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


def job(kind: str = "", **rest: Any) -> dict[str, Any]:
    conditions = [{"type": kind, "status": "True", **rest}] if kind else []
    return {"status": {"conditions": conditions, "completionTime": rest.get("at")}}


def test_the_phases_of_a_migration_job() -> None:
    assert migration_phase(None) is MigrationPhase.PENDING
    assert migration_phase({"status": {}}) is MigrationPhase.RUNNING
    assert migration_phase(job("Complete")) is MigrationPhase.COMPLETE
    assert migration_phase(job("Failed")) is MigrationPhase.FAILED


def test_a_job_that_failed_without_a_report_tells_its_own_reason() -> None:
    late = job("Failed", message="Job was active longer than specified deadline")
    assert job_end(late).message == "Job was active longer than specified deadline"


def job_pod(message: str, created: str = "2026-01-01T00:00:00Z") -> dict[str, Any]:
    return {
        "metadata": {"name": "m", "creationTimestamp": created},
        "status": {"containerStatuses": [{"state": {"terminated": {"message": message}}}]},
    }


def test_the_newest_report_of_a_migration_counts() -> None:
    first = job_pod(json.dumps({"error": "the database does not answer"}))
    second = job_pod(
        json.dumps(
            {
                "from": 0,
                "to": 2,
                "oldestReadable": 1,
                "schemaVersion": 2,
                "toContract": 1,
                "maxConnections": 97,
                "error": None,
            }
        ),
        "2026-01-01T00:01:00Z",
    )
    assert migration_report([second, first]) == MigrationReport(0, 2, 1, 97, 2, 1)
    refused = job_pod(json.dumps({"error": "It is not yours.", "refusal": "DatabaseOwned"}))
    assert migration_report([refused]).refusal == "DatabaseOwned"
    assert migration_report([first]).error == "the database does not answer"
    assert migration_report([]) == MigrationReport()


@given(
    st.text(max_size=50)
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "from",
                        "to",
                        "oldestReadable",
                        "schemaVersion",
                        "toContract",
                        "refusal",
                        "error",
                    ]
                ),
                inner,
            )
        ),
        max_leaves=6,
    ).map(json.dumps)
)
def test_whatever_a_pod_writes_as_its_report_harms_nobody(message: str) -> None:
    report = migration_report([job_pod(message)])
    numbers = (
        report.from_version, report.to_version, report.oldest_readable, report.max_connections,
        report.schema_version, report.to_contract,
    )  # fmt: skip
    assert all(number is None or number >= 0 for number in numbers)
    assert report.refusal in (None, *get_args(Refusal))
