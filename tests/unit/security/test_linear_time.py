"""What a tenant writes takes the operator no more than a time that grows as its length does.

One expression that looks at each letter of a text for each letter stops all tenants' releases.
"""

import base64
import contextlib
import time
from collections.abc import Callable
from typing import Any

import orjson
import pytest

from cms_operator.api import quantities
from cms_operator.api.fields.measures import Measure
from cms_operator.observed.jobs import migration_report
from cms_operator.reporting.revisions import version_of
from cms_operator.resources.secrets import jwt_keys, secret_data
from cms_operator.resources.sources import authorities, urls
from cms_operator.rollout.analysis import exposition, prometheus, webhook
from cms_operator.rollout.analysis.readings import readable

SHORT, LONG = 4 * 1024, 64 * 1024
QUERY = Measure.model_validate({"name": "q", "prometheus": {"query": "up"}, "max": "1"})
HOOK = Measure.model_validate({"name": "w", "webhook": {"service": "judge"}})


def in_prometheus(text: str) -> None:
    sample = {"resultType": "vector", "result": [{"value": [0, text]}]}
    prometheus.judge(QUERY, {"status": "success", "data": sample})
    prometheus.judge(QUERY, {"status": "error", "error": text})


def in_a_secret(text: str) -> None:
    data = {jwt_keys.FILE: base64.b64encode(text.encode()).decode(), "raw": text}
    secret_data.digest({"data": data})
    jwt_keys.read({"data": data})


def in_a_termination_message(text: str) -> None:
    ended = {"state": {"terminated": {"message": text}}}
    migration_report([{"metadata": {}, "status": {"containerStatuses": [ended]}}])


PARSERS: dict[str, Callable[[str], Any]] = {
    "metrics": lambda text: exposition.parse(f"{exposition.REQUESTS}{{{text}}} 1"),
    "value of a metric": lambda text: exposition.parse(f"{exposition.REQUESTS} {text}"),
    "Prometheus": in_prometheus,
    "webhook": lambda text: webhook.judge(HOOK, {"verdict": "fail", "message": text}),
    "JSON": orjson.loads,
    "message": readable,
    "termination message": in_a_termination_message,
    "quantity": quantities.parse,
    "image": version_of,
    "image's path": lambda text: version_of(f"registry.example/{text}"),
    "URL": lambda text: urls.parse_url(text.encode(), 5432),
    "host": lambda text: urls.parse_url(f"postgresql://{text}/cms".encode(), 5432),
    "certificate": lambda text: authorities.problem_of(text.encode()),
    "Secret": in_a_secret,
}
UNITS = (*'a1._:"\\{}[- ', 'a="', '\\"', "1e", "a:", "{}", '{"a":', "-----BEGIN CERTIFICATE----")


def seconds(parse: Callable[[str], Any], text: str) -> float:
    """The least processor time of some tries."""

    def once() -> float:
        begun = time.process_time()
        with contextlib.suppress(ValueError):
            parse(text)
        return time.process_time() - begun

    return min(once() for _ in range(3))


@pytest.mark.parametrize("parser", PARSERS)
def test_a_text_that_is_longer_takes_longer_in_proportion(parser: str) -> None:
    for unit in UNITS:
        short, long = (
            seconds(PARSERS[parser], unit * (length // len(unit))) for length in (SHORT, LONG)
        )
        # What takes no time at all cannot be measured; in proportion it would be 16 times as much.
        assert long < 80 * max(short, 0.000_2), repr(unit)
