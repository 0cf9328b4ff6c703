"""The page of metrics that a pod shows, as the CMS makes it and as others might."""

import contextlib
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cms_operator.rollout.analysis import exposition
from cms_service.core.telemetry.metrics import Metrics


def page(*, only_needed: bool = False) -> str:
    metrics = Metrics("b")
    metrics.requests.observe("GET", "/v1/{tenant}/entries", 200, 0.004)
    metrics.requests.observe("GET", "/v1/{tenant}/entries", 404, 0.004)
    metrics.requests.observe("POST", "/v1/{tenant}/entries", 503, 3.0)
    metrics.requests.observe("GET", "/health", 500, 0.5)
    metrics.database_up.labels("primary").set(1)
    metrics.database_up.labels("replica").set(0)
    metrics.redis_up.set(0)
    return metrics.render(exposition.SERIES if only_needed else ()).decode()


def test_what_a_page_does_not_tell_is_not_held_against_the_candidate() -> None:
    found = exposition.parse('hcms_database_up{database="primary"} 1\n')
    assert (found.database_up, found.cache_up, found.counts.requests) == (True, True, 0)


@pytest.mark.parametrize("only_needed", [True, False])
def test_the_page_of_the_cms(only_needed: bool) -> None:  # noqa: FBT001 - the parameter of a test
    found = exposition.parse(page(only_needed=only_needed))
    assert (found.counts.requests, found.counts.errors, found.counts.timed) == (3, 1, 3)
    assert found.counts.slower_than(5000) == 1
    assert found.counts.slower_than(7) is None
    assert (found.database_up, found.cache_up) == (True, False)
    assert found.started > 0


def test_only_what_is_needed_is_asked_for() -> None:
    names = {line.split("{")[0].split(" ")[0] for line in page(only_needed=True).splitlines()}
    assert names - {"#"} == set(exposition.SERIES)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<html>",
        'hcms_database_up{database="primary"} 1\nhcms_http_requests_total{route="/"} 1',
        'hcms_database_up 1\nhcms_http_requests_total{status="200"} many',
        'hcms_database_up 1\nhcms_http_requests_total{status="200"} +Inf',
        'hcms_database_up 1\nhcms_http_requests_total{status="200"} NaN',
    ],
)
def test_what_is_no_such_page_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"series|float|integer"):
        exposition.parse(text)


@given(st.text(max_size=300))
def test_nothing_else_is_raised(text: str) -> None:
    with contextlib.suppress(ValueError):
        exposition.parse("hcms_database_up 1\nhcms_http_requests_total{" + text)


BYTES = 64 * 1024
START = "hcms_http_requests_total{"
ORDINARY = 'route="/v1/{tenant}/entries",status="200"'


def seconds(line: str) -> float:
    """The least processor time of some tries."""

    def once() -> float:
        begun = time.process_time()
        with contextlib.suppress(ValueError):
            exposition.parse(line)
        return time.process_time() - begun

    return min(once() for _ in range(3))


def filled(unit: str, start: str = START) -> str:
    return f"{start}{unit * ((BYTES - len(start)) // len(unit))}}} 1"


def ordinary_page() -> str:
    line = f"{START}{ORDINARY}}} 1\n"
    return line * (BYTES // len(line))


@pytest.mark.parametrize(
    "line",
    [
        filled("a"),
        filled("_"),
        filled("_="),
        filled('a="'),
        filled("a,"),
        filled('\\"', f'{START}a="'),
        filled('a=\\"', f'{START}a="'),
        filled("} "),
        filled("} 1"),
        filled("{}"),
        filled("a", "hcms_http_requests_total_"),
        filled("9", f"{START}{ORDINARY}}} "),
        filled(" ", "hcms_database_up"),
    ],
    ids=lambda line: repr(line[:35]),
)
def test_no_page_of_a_tenant_takes_much_longer_than_one_of_the_cms(line: str) -> None:
    assert seconds(line) < 30 * seconds(ordinary_page())


@settings(max_examples=60, deadline=None)
@given(st.text('a_="\\,{} 1', min_size=1, max_size=6))
def test_nor_does_any_pattern_that_goes_on_and_on(unit: str) -> None:
    assert seconds(filled(unit)) < 30 * seconds(ordinary_page())
