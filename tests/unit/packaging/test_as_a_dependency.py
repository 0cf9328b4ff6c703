"""The charts as parts of somebody else's."""

from pathlib import Path

import pytest

from tests.support.charts import Chart, RefusedValuesError


@pytest.mark.parametrize("name", ["headlesscms-operator", "headlesscms-demo-datastores"])
def test_a_chart_takes_what_helm_and_its_parent_set(tools: Path, name: str) -> None:
    """`enabled` is what a dependency's `condition` asks for by custom."""
    chart = Chart(tools / "helm", name)
    assert chart.render({"enabled": True, "global": {"registry": "registry.example"}})
    with pytest.raises(RefusedValuesError, match="/enabled"):
        chart.render({"enabled": "yes"})
