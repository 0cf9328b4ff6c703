"""Alerts, recordings, dashboards and pages ask for nothing that no program exports."""

import re
from collections.abc import Iterator

import pytest

from tests.support.charts import REPOSITORY
from tests.support.exported import Series, own, scraped
from tests.support.monitoring import DASHBOARDS, panels, rules
from tests.support.promql import read

DOCS = REPOSITORY / "docs"
RUNBOOKS = sorted((DOCS / "runbooks").glob("*.md"))


def known() -> Series:
    """What Prometheus has, with what it records itself."""
    found = dict(scraped())
    for rule in rules():
        if "record" in rule:
            found[rule["record"]] = result(rule["expr"], found)
    return found


def result(query: str, series: Series) -> frozenset[str]:
    """The labels that a query's answer has at most."""
    reading = read(query)
    if reading.kept:
        return frozenset(reading.kept)
    return frozenset().union(*(series.get(metric, frozenset()) for metric in reading.matched))


def complaints(query: str, series: Series) -> list[str]:
    reading = read(query)
    there = frozenset().union(*(series.get(metric, frozenset()) for metric in reading.matched))
    unknown = [metric for metric in reading.matched if metric not in series]
    matchers = [
        f"{metric}{{{label}}}"
        for metric, labels in reading.matched.items()
        for label in labels - series.get(metric, labels)
    ]
    return [*unknown, *matchers, *sorted(reading.grouped - there)]


def queries() -> Iterator[tuple[str, str, list[str]]]:
    """Where it stands, the query, and the labels of its answer that are shown."""
    for rule in rules():
        text = str(rule.get("annotations", ""))
        yield (
            rule.get("alert") or rule["record"],
            rule["expr"],
            re.findall(r"\$labels\.(\w+)", text),
        )
    for dashboard, panel in panels():
        for target in panel["targets"]:
            shown = re.findall(r"{{(\w+)}}", target["legendFormat"])
            yield f"{dashboard}: {panel['title']}", target["expr"], shown
    for page in RUNBOOKS:
        for quoted in re.findall(r"`([^`]*hcms_[^`]*)`", page.read_text()):
            yield page.stem, quoted, []


QUERIES = [*queries()]


@pytest.mark.parametrize(("place", "query", "shown"), QUERIES, ids=[found[0] for found in QUERIES])
def test_what_is_asked_for_is_exported(place: str, query: str, shown: list[str]) -> None:
    series = known()
    assert complaints(query, series) == [], place
    assert set(shown) <= result(query, series), f"{place} shows a label that its answer has not"


def test_what_is_chosen_above_a_dashboard_is_exported() -> None:
    for path in DASHBOARDS:
        for metric, label in re.findall(r"label_values\((\w+).*?, (\w+)\)", path.read_text()):
            assert label in known()[metric], path.name


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("sum(hcms_gone)", ["hcms_gone"]),
        ('hcms_info{colour="red"}', ["hcms_info{colour}"]),
        ("sum by (colour) (hcms_info)", ["colour"]),
        ("max by (version) (hcms_info) > 1", []),
        ('rate(hcms_http_requests_total{name="a, b{c}"}[5m]) / on (pod) hcms_redis_up', []),
        (
            "histogram_quantile(0.9, rate(hcms_operator_phase_seconds_bucket[1h])) or vector(0)",
            [],
        ),
        (
            "hcms_operator_reconcile_seconds_bucket{le='1'} offset 5m unless absent(hcms_nothing)",
            ["hcms_nothing"],
        ),
    ],
)
def test_a_query_that_asks_for_what_is_not_there_is_found(query: str, found: list[str]) -> None:
    assert complaints(query, known()) == found


def test_every_series_is_explained_and_no_other() -> None:
    text = (DOCS / "observability.md").read_text()
    named = set(re.findall(r"`(hcms_\w+)`", text))
    series = {re.sub(r"_(bucket|count|sum)$", "", name) for name in own()}
    assert named == {name for name in series if name.startswith("hcms_")}


def test_the_repository_has_a_panel_or_an_alert_for_what_the_operator_counts() -> None:
    asked = {metric for _, query, _ in QUERIES for metric in read(query).matched}
    counted = {name for name in own() if name.startswith("hcms_operator_")}
    bases = {re.sub(r"_(bucket|count|sum)$", "", name) for name in asked}
    assert {re.sub(r"_(bucket|count|sum)$", "", name) for name in counted} - bases == {
        "hcms_operator_resync_seconds"
    }
