"""A dashboard as what it shows; Grafana's JSON is made of it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Json = dict[str, Any]
Kind = Literal["timeseries", "stat", "table"]

DATASOURCE: Json = {"type": "prometheus", "uid": "${datasource}"}
_COLUMNS = 24
_SCHEMA = 39
_HEIGHT: dict[Kind, int] = {"timeseries": 8, "stat": 4, "table": 8}


@dataclass(frozen=True)
class Panel:
    """`queries` by their legend, which is Grafana's: {{label}} is the value of a label."""

    title: str
    queries: Mapping[str, str]
    kind: Kind
    unit: str
    width: int


def graph(title: str, queries: Mapping[str, str], unit: str = "short") -> Panel:
    return Panel(title, queries, "timeseries", unit, 8)


def stat(title: str, expr: str, unit: str = "short") -> Panel:
    return Panel(title, {"": expr}, "stat", unit, 4)


def table(title: str, expr: str) -> Panel:
    return Panel(title, {"": expr}, "table", "short", 12)


@dataclass(frozen=True)
class Row:
    title: str
    panels: Sequence[Panel]


@dataclass(frozen=True)
class Variable:
    """Something to choose above the panels: values of a label."""

    name: str
    metric: str
    label: str


@dataclass(frozen=True)
class Dashboard:
    uid: str
    title: str
    rows: Sequence[Row]
    variables: Sequence[Variable] = field(default=())


def to_text(dashboard: Dashboard) -> str:
    return json.dumps(_dashboard(dashboard), indent=1) + "\n"


def _dashboard(dashboard: Dashboard) -> Json:
    return {
        "uid": dashboard.uid,
        "title": dashboard.title,
        "tags": ["headlesscms"],
        "timezone": "browser",
        "schemaVersion": _SCHEMA,
        "editable": False,
        "refresh": "1m",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {"list": [_datasource(), *map(_variable, dashboard.variables)]},
        "links": [
            {
                "type": "dashboards",
                "title": "Headless CMS",
                "tags": ["headlesscms"],
                "asDropdown": True,
            }
        ],
        "panels": _panels(dashboard.rows),
    }


def _datasource() -> Json:
    return {
        "name": "datasource",
        "label": "Prometheus",
        "type": "datasource",
        "query": "prometheus",
    }


def _variable(variable: Variable) -> Json:
    query = f"label_values({variable.metric}, {variable.label})"
    return {
        "name": variable.name,
        "type": "query",
        "datasource": DATASOURCE,
        "query": {"query": query, "refId": variable.name},
        "definition": query,
        "refresh": 2,
        "sort": 1,
    }


def _panels(rows: Sequence[Row]) -> list[Json]:
    """Left to right, and a new line where one is full."""
    found: list[Json] = []
    y = 0
    for row in rows:
        place = {"x": 0, "y": y, "w": _COLUMNS, "h": 1}
        found.append({"type": "row", "title": row.title, "collapsed": False, "gridPos": place})
        y += 1
        x = height = 0
        for panel in row.panels:
            if x + panel.width > _COLUMNS:
                x, y, height = 0, y + height, 0
            found.append(
                _panel(panel, {"x": x, "y": y, "w": panel.width, "h": _HEIGHT[panel.kind]})
            )
            x, height = x + panel.width, max(height, _HEIGHT[panel.kind])
        y += height
    return [{"id": number, **panel} for number, panel in enumerate(found, 1)]


def _panel(panel: Panel, place: Json) -> Json:
    custom = {"fillOpacity": 10, "showPoints": "never"} if panel.kind == "timeseries" else {}
    return {
        "type": panel.kind,
        "title": panel.title,
        "gridPos": place,
        "datasource": DATASOURCE,
        "fieldConfig": {"defaults": {"unit": panel.unit, "custom": custom}, "overrides": []},
        "options": _options(panel.kind),
        "targets": [
            _target(panel.kind, legend, expr, chr(ord("A") + number))
            for number, (legend, expr) in enumerate(panel.queries.items())
        ],
    }


def _options(kind: Kind) -> Json:
    if kind == "stat":
        return {"reduceOptions": {"calcs": ["lastNotNull"]}, "colorMode": "none"}
    if kind == "table":
        return {"showHeader": True}
    return {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi"}}


def _target(kind: Kind, legend: str, expr: str, name: str) -> Json:
    at_once = kind != "timeseries"
    return {
        "refId": name,
        "datasource": DATASOURCE,
        "expr": expr,
        "legendFormat": legend,
        "instant": at_once,
        "range": not at_once,
        "format": "table" if kind == "table" else "time_series",
    }
