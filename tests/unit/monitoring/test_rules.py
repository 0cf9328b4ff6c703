"""Each alert fires when it should, and says where to look."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.charts import REPOSITORY
from tests.support.monitoring import RULE_FILES, alerts

SCENARIOS = sorted(Path(__file__).parent.glob("*.test.yaml"))
RUNBOOKS = REPOSITORY / "docs" / "runbooks"
ADDRESS = "https://headlesscms.io/docs/runbooks/"


def run(promtool: Path, *arguments: str | Path) -> None:
    command = [str(part) for part in (promtool, *arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("scenarios", SCENARIOS, ids=lambda path: path.stem)
def test_alerts_fire_in_their_scenarios_and_no_other_does(promtool: Path, scenarios: Path) -> None:
    run(promtool, "test", "rules", scenarios)


def test_prometheus_finds_nothing_to_criticise(promtool: Path) -> None:
    run(promtool, "check", "rules", "--lint=all", "--lint-fatal", *RULE_FILES)


def expected(samples: Any) -> set[str]:
    return set(re.findall(r'alertname="(\w+)"', str(samples)))


def test_every_alert_has_a_scenario() -> None:
    found: set[str] = set()
    for path in SCENARIOS:
        for scenario in yaml.safe_load(path.read_text())["tests"]:
            found |= expected(scenario.get("promql_expr_test"))
    assert found == set(alerts())


def test_every_alert_has_a_page_and_no_page_is_left_over() -> None:
    assert {path.stem for path in RUNBOOKS.glob("*.md")} == set(alerts())
    for name, alert in alerts().items():
        assert alert["annotations"]["runbook_url"] == f"{ADDRESS}{name}.md"
        page = (RUNBOOKS / f"{name}.md").read_text()
        assert page.startswith(f"# {name}\n")
        assert re.findall(r"^## (.*)$", page, re.MULTILINE) == ["How to look", "What to do"]


def test_the_page_of_alerts_lists_each_with_its_severity_and_its_page() -> None:
    page = (REPOSITORY / "docs" / "alerts.md").read_text()
    row = re.compile(r"^\| \[(\w+)\]\(runbooks/(\w+)\.md\) \| (\w+) \| ", re.MULTILINE)
    listed = {(name, page, severity) for name, page, severity in row.findall(page)}
    assert listed == {(name, name, found["labels"]["severity"]) for name, found in alerts().items()}


@pytest.mark.parametrize("name", alerts())
def test_an_alert_says_how_bad_it_is_and_whom_it_is_about(name: str) -> None:
    alert = alerts()[name]
    assert alert["labels"]["severity"] in {"critical", "warning", "info"}
    assert set(alert["annotations"]) == {"summary", "description", "runbook_url"}
