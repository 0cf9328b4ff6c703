"""Grafana shows each panel of a dashboard at a place of its own."""

import json
from pathlib import Path

import pytest

from dashboards.__main__ import files
from tests.support.monitoring import DASHBOARDS


def test_the_chart_has_what_the_code_says() -> None:
    assert {path: path.read_text() for path in DASHBOARDS} == files()


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_no_panel_lies_on_another_or_sticks_out(path: Path) -> None:
    dashboard = json.loads(path.read_text())
    assert dashboard["uid"] == path.stem
    taken: set[tuple[int, int]] = set()
    for panel in dashboard["panels"]:
        place = panel["gridPos"]
        columns = range(place["x"], place["x"] + place["w"])
        lines = range(place["y"], place["y"] + place["h"])
        cells = {(x, y) for x in columns for y in lines}
        assert max(columns) < 24
        assert not cells & taken, panel["title"]
        taken |= cells
    numbers = [panel["id"] for panel in dashboard["panels"]]
    assert len(set(numbers)) == len(numbers)


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_whose_prometheus_is_asked_can_be_chosen(path: Path) -> None:
    dashboard = json.loads(path.read_text())
    assert dashboard["templating"]["list"][0]["type"] == "datasource"
    for panel in dashboard["panels"]:
        if panel["type"] != "row":
            asked = [panel["datasource"], *(target["datasource"] for target in panel["targets"])]
            assert {each["uid"] for each in asked} == {"${datasource}"}
