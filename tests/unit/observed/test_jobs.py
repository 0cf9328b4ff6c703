"""How a migration Job stands, and what its pods wrote at their end."""

import json
from typing import Any, get_args

from hypothesis import example, given
from hypothesis import strategies as st

from cms_operator.api.status import Refusal
from cms_operator.observed.jobs import MigrationReport, job_end, migration_phase, migration_report


def job(kind: str = "", **rest: Any) -> dict[str, Any]:
    conditions = [{"type": kind, "status": "True", **rest}] if kind else []
    return {"status": {"conditions": conditions, "completionTime": rest.get("at")}}


def test_the_phases_of_a_migration_job() -> None:
    assert migration_phase(None) == "Pending"
    assert migration_phase({"status": {}}) == "Running"
    assert migration_phase(job("Complete")) == "Complete"
    assert migration_phase(job("Failed")) == "Failed"


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
@example("[" * 4096)
@example('{"from": ' * 500)
@example('{"from": 1e999}')
def test_whatever_a_pod_writes_as_its_report_harms_nobody(message: str) -> None:
    report = migration_report([job_pod(message)])
    numbers = (
        report.from_version, report.to_version, report.oldest_readable, report.max_connections,
        report.schema_version, report.to_contract,
    )  # fmt: skip
    assert all(number is None or number >= 0 for number in numbers)
    assert report.refusal in (None, *get_args(Refusal))
