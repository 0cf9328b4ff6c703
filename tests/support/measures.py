"""Measures with bad input; `where` is the field to blame, from the measure on."""

from dataclasses import dataclass
from typing import Any

QUERY = {"query": 'sum(rate(errors{revision="{{candidate}}"}[1m]))'}
PROMETHEUS: dict[str, Any] = {"name": "errors", "prometheus": QUERY, "max": "0.05"}
WEBHOOK: dict[str, Any] = {
    "name": "orders",
    "webhook": {"service": "judge", "port": 8080, "path": "/verdict"},
}


@dataclass(frozen=True)
class BadMeasure:
    title: str
    measure: dict[str, Any]
    where: str = ""
    words: str = ""

    def __str__(self) -> str:
        return self.title


def _query(text: str) -> dict[str, Any]:
    return {**PROMETHEUS, "prometheus": {"query": text}}


def _webhook(**changes: Any) -> dict[str, Any]:
    return {**WEBHOOK, "webhook": {**WEBHOOK["webhook"], **changes}}


_PATH = "must be a path that begins with /"
_NUMBER = "must be a number of at most 12 digits"
_PLACEHOLDERS = "knows only the placeholders"

BAD_MEASURES = (
    BadMeasure("no provider", {"name": "a"}, words="exactly one of prometheus and webhook"),
    BadMeasure(
        "two providers",
        {**WEBHOOK, "prometheus": QUERY, "max": 1},
        words="exactly one of prometheus and webhook",
    ),
    BadMeasure("no name", {"prometheus": QUERY, "max": 1}, "name"),
    BadMeasure("a name with capitals", {**PROMETHEUS, "name": "Errors"}, "name"),
    BadMeasure(
        "a query without a limit",
        {"name": "errors", "prometheus": QUERY},
        words="max or min must be set with prometheus",
    ),
    BadMeasure("a webhook with a limit", {**WEBHOOK, "max": 1}, words="gives its own verdict"),
    BadMeasure("max below min", {**PROMETHEUS, "min": 1}, "max", "must be at least min"),
    BadMeasure("max below min as texts", {**PROMETHEUS, "min": "0.06"}, "max", "must be at least"),
    BadMeasure("a limit that is no number", {**PROMETHEUS, "max": "5%"}, "max", _NUMBER),
    BadMeasure("no number beside a number", {**PROMETHEUS, "max": "x", "min": 1}, "max", _NUMBER),
    BadMeasure("a limit without end", {**PROMETHEUS, "max": "Inf"}, "max", _NUMBER),
    BadMeasure("a limit of 13 digits", {**PROMETHEUS, "max": 10**12}, "max", _NUMBER),
    BadMeasure("a limit with a fraction as a number", {**PROMETHEUS, "max": 0.05}, "max"),
    BadMeasure("a limit of yes", {**PROMETHEUS, "max": True}, "max"),
    BadMeasure("an empty query", _query(""), "prometheus.query"),
    BadMeasure("a query of 3,000 characters", _query("a" * 3000), "prometheus.query"),
    BadMeasure("an unknown placeholder", _query("{{pod}}"), "prometheus.query", _PLACEHOLDERS),
    BadMeasure(
        "a placeholder with spaces", _query("{{ name }}"), "prometheus.query", _PLACEHOLDERS
    ),
    BadMeasure("half of a placeholder", _query("up{{name}"), "prometheus.query", _PLACEHOLDERS),
    BadMeasure(
        "a webhook in another namespace", _webhook(service="judge.other"), "webhook.service"
    ),
    BadMeasure("a webhook at an address", _webhook(service="10.0.0.1"), "webhook.service"),
    BadMeasure("port 0", _webhook(port=0), "webhook.port"),
    BadMeasure("port 65536", _webhook(port=65536), "webhook.port"),
    BadMeasure("a path without /", _webhook(path="verdict"), "webhook.path", _PATH),
    BadMeasure("a path as a user", _webhook(path="@evil.example/"), "webhook.path", _PATH),
    BadMeasure("a path with a line", _webhook(path="/a\r\nHost: b"), "webhook.path", _PATH),
    BadMeasure("a path with a fragment", _webhook(path="/a#b"), "webhook.path", _PATH),
    BadMeasure("a path of 300 characters", _webhook(path="/" * 300), "webhook.path"),
    BadMeasure("minus one failures", {**PROMETHEUS, "failureLimit": -1}, "failureLimit"),
    BadMeasure(
        "a thousand errors", {**WEBHOOK, "consecutiveErrorLimit": 1000}, "consecutiveErrorLimit"
    ),
    BadMeasure("an unknown field", {**WEBHOOK, "url": "http://evil.example"}, "url"),
)
