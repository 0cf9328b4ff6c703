"""The table of a fleet has a column for each program, and says what is to be reached."""

import pytest

from benchmarks import fleet_report
from benchmarks.fleet_report import ARGO, BARE, LIMITS, OURS, Figures, Look, table
from benchmarks.histograms import buckets, total
from benchmarks.phases import Phase
from tests.controlplane.audit import Request

INF = float("inf")
NOTHING = {1.0: 0.0, 5.0: 0.0, INF: 0.0}
IDLE = Look(NOTHING, NOTHING, 0, 0)
BUSY = Look({1.0: 99.0, 5.0: 100.0, INF: 100.0}, {1.0: 50.0, 5.0: 100.0, INF: 100.0}, 0, 100)


def request(verb: str, resource: str = "apps/deployments") -> Request:
    return Request("operator", verb, resource, "team-0", "cms-0", 200, allowed=True)


OWN = [request("get"), request("create"), request("patch", "coordination.k8s.io/leases")]


def measured(seconds: float) -> Figures:
    steps = {
        **fleet_report.phase("to 250 tenants", Phase(seconds, 7.5, OWN, 40), 2),
        **fleet_report.memory(250, 100.0, None),
        **fleet_report.phase("to 500 tenants", Phase(2 * seconds, 7.5, OWN, 40), 2),
        **fleet_report.memory(500, 110.0, (250, 100.0)),
    }
    return {
        **steps,
        **fleet_report.asked_for("an idle minute", OWN),
        **fleet_report.delays("20 changes a second", IDLE, BUSY),
        "a release: peak memory, MiB": 176.0,
        "a restart: seconds until all were looked at": 6.94,
        **fleet_report.asked_for("a restart", OWN),
        **fleet_report.asked_for("a full resync", OWN),
        "a full resync: peak memory, MiB": 169.0,
    }


def rows(*columns: tuple[str, Figures]) -> dict[str, list[str]]:
    head, line, *rest = table(dict(columns))
    assert line.count("---") == len(columns) + 2
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in (head, *rest)]
    return {name: values for name, *values in cells}


def test_each_program_has_its_column_and_one_that_lacks_a_figure_an_empty_cell() -> None:
    bare = {"to 250 tenants: seconds": 34.0, "to 500 tenants: seconds": 33.0}
    ours = measured(37.0)
    ours |= fleet_report.times_as_long(ours, bare)
    found = rows((OURS, ours), (BARE, bare), (ARGO, measured(41.5)))
    assert found[""] == [OURS, BARE, ARGO, "to reach"]
    assert found["to 250 tenants: seconds"] == ["37", "34", "41.5", ""]
    assert found["to 250 tenants: own requests, each"] == ["1.500", "", "1.500", ""]
    assert found["to 500 tenants: for each further one, KB"] == ["41.0", "", "41.0", "60"]
    assert found["an idle minute: requests, but for the Lease"] == ["2", "", "2", "0"]
    assert found["20 changes a second: queue wait p99, s"] == ["1", "", "1", "1"]
    assert found["a restart: seconds until all were looked at"] == ["6.940", "", "6.940", "15"]
    assert found["all steps beside the bare client, times as long"] == ["1.657", "", "", "1.5"]


def test_whatever_is_to_be_reached_is_measured() -> None:
    bare = {"to 250 tenants: seconds": 34.0}
    ours = measured(37.0)
    found = rows((OURS, ours | fleet_report.times_as_long(ours, bare)))
    limits = {values[-1] for values in found.values()} - {"", "to reach"}
    assert limits == {*LIMITS.values()}
    for end in LIMITS:
        assert [what for what in found if what.endswith(end)], end


def test_a_span_of_which_nothing_is_known_is_told_as_that() -> None:
    found = rows((ARGO, fleet_report.delays("a release", BUSY, BUSY)))
    assert found["a release: reconcile p50, s"] == ["-", ""]


@pytest.mark.parametrize(
    ("value", "told"), [(0.0, "0"), (0.00123, "0.001"), (3.4567, "3.457"), (98.76, "98.8")]
)
def test_a_figure_is_told_as_exactly_as_it_is_read(value: float, told: str) -> None:
    assert fleet_report.number(value) == told


QUEUES = """
# TYPE wait histogram
wait_bucket{name="Rollouts",le="1"} 3
wait_bucket{name="Rollouts",le="+Inf"} 4
wait_bucket{name="Services",le="1"} 9
wait_bucket{name="Services",le="+Inf"} 9
# TYPE depth gauge
depth{name="Rollouts"} 2
depth{name="Services"} 5
"""


def test_one_of_several_queues_is_read() -> None:
    assert buckets(QUEUES, "wait", name="Rollouts") == {1.0: 3, INF: 4}
    assert total(QUEUES, "depth", name="Rollouts") == 2
    assert total(QUEUES, "depth") == 7
