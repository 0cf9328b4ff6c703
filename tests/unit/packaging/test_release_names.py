"""A release may have any name that Helm takes: a cluster takes the names of its objects."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.support.charts import STAMPING, Chart, RefusedValuesError, of_kind

LONGEST = 53  # Helm's own limit
LABEL = 63  # a Service's name, and the value of a label
REVISION = 11  # what the StatefulSet controller adds to the name for the value of a label
EVERYTHING = {
    "priorityLevel": {"enabled": True},
    "metrics": {"authenticated": True},
    "monitoring": {
        kind: {"enabled": True}
        for kind in ("podMonitor", "serviceMonitor", "prometheusRule", "dashboards")
    },
}


def longest_names(chart: Chart, release: str, values: Mapping[str, Any]) -> dict[str, int]:
    """The length of the longest name of each kind."""
    objects = chart.render(values, served=[STAMPING], release=release)
    kinds = {found["kind"] for found in objects}
    return {
        kind: max(len(found["metadata"]["name"]) for found in of_kind(objects, kind))
        for kind in kinds
    }


# The last one has the chart's name in it, so that nothing is added to it.
@pytest.mark.parametrize(
    "release",
    [
        *("r" * length for length in (1, 34, 35, LONGEST)),
        "headlesscms-operator".ljust(LONGEST, "r"),
    ],
    ids=len,
)
def test_the_operators_objects_have_names_that_a_cluster_takes(chart: Chart, release: str) -> None:
    longest = longest_names(chart, release, EVERYTHING)
    assert longest["Service"] <= LABEL
    assert max(longest.values()) <= 253


def test_the_datastores_say_which_name_is_too_long(tools: Path) -> None:
    chart = Chart(tools / "helm", "headlesscms-demo-datastores")
    longest = longest_names(chart, "r" * 43, {})
    assert longest["StatefulSet"] + REVISION <= LABEL
    assert longest["Service"] <= LABEL
    with pytest.raises(RefusedValuesError, match="at most 43 characters"):
        chart.render(release="r" * 44)
