"""The series of the CMS that are needed, from the text that its pods show."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from cms_operator.rollout.analysis.counters import Counts

REQUESTS = "hcms_http_requests_total"
DURATIONS = "hcms_http_request_duration_seconds_bucket"
DATABASE_UP = "hcms_database_up"
CACHE_UP = "hcms_redis_up"
STARTED = "process_start_time_seconds"
# The only series that a page is asked for, with ?name[]=.
SERIES = (REQUESTS, DURATIONS, DATABASE_UP, CACHE_UP, STARTED)
# Probes and people's look at the health are no traffic.
QUIET_ROUTES = frozenset({"/health"})

_LINE = re.compile(r"([a-z_]+)(?:\{(.*)\})? (\S+)")
# A name begins nowhere but at its first letter: else a long one that is no label is read to its end
# from each of its letters, and a page is a tenant's to write.
_LABEL = re.compile(r'(?<![a-z_])([a-z_]+)="((?:[^"\\]|\\.)*)"')
_SERVER_ERROR = "5"


@dataclass(frozen=True, slots=True)
class Page:
    """`started` is the start of the process, 0 where it does not tell."""

    counts: Counts
    database_up: bool
    cache_up: bool
    started: float


def parse(text: str) -> Page:
    """Raises ValueError for what is no page of the CMS."""
    try:
        return _read(text)
    except (KeyError, OverflowError) as error:
        raise ValueError(f"a series of the CMS is not as it should be: {error}") from None


def _read(text: str) -> Page:
    requests = errors = timed = 0
    within: Counter[int] = Counter()
    ups = {DATABASE_UP: True, CACHE_UP: True}
    started = 0.0
    seen = set()
    for name, labels, value in _series(text):
        seen.add(name)
        if name in ups:
            if labels.get("database", "primary") == "primary":
                ups[name] = value > 0
        elif name == STARTED:
            started = value
        elif labels.get("route") in QUIET_ROUTES:
            continue
        elif name == REQUESTS:
            requests += int(value)
            errors += int(value) if labels["status"].startswith(_SERVER_ERROR) else 0
        elif labels["le"] == "+Inf":
            timed += int(value)
        else:
            within[round(float(labels["le"]) * 1_000_000)] += int(value)
    if DATABASE_UP not in seen:
        raise ValueError("there is no series of the CMS")
    return Page(
        Counts(requests, errors, timed, dict(within)), ups[DATABASE_UP], ups[CACHE_UP], started
    )


def _series(text: str) -> Iterator[tuple[str, dict[str, str], float]]:
    for line in text.splitlines():
        if line.startswith(SERIES) and (found := _LINE.fullmatch(line)) and found[1] in SERIES:
            yield found[1], dict(_LABEL.findall(found[2] or "")), float(found[3])
