"""A deployment under load: who reads, who writes, how long it takes, and what fails.

    python -m benchmarks.load http://127.0.0.1 --tenant main --email owner@example.com \
        --password-file deploy/secrets/first-owner-password --rate 100 --seconds 60

It makes a content type with some entries, and a tenth of the requests makes drafts: use a tenant
for it. Ends with 1 where a request failed or the clients were too slow to tell.
"""

import argparse
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.load.client import Load, Running
from benchmarks.load.plan import Phase
from benchmarks.load.report import faults, report
from benchmarks.load.site import Site

# A part of the 15 minutes that a token lives.
MAX_SECONDS = 600
_START_SECONDS = 1.0


def phases(rate: float, seconds: float) -> tuple[Phase, ...]:
    """Caches fill, then the rate that was asked for, then twice of it."""
    return (
        Phase("warm-up", seconds / 6, rate / 2),
        Phase("steady", seconds / 2, rate),
        Phase("peak", seconds / 3, rate * 2),
    )


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.load",
        description="Load on a deployment of the CMS, with a report.",
    )
    parser.add_argument("url", help="of the proxy before the instances")
    parser.add_argument("--tenant", required=True)
    parser.add_argument("--email", required=True)
    parser.add_argument("--password-file", type=Path, required=True)
    parser.add_argument("--rate", type=float, default=100, help="requests per second")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--processes", type=int, default=2, help="of the clients")
    options = parser.parse_args()
    if urlsplit(options.url).scheme != "http":
        parser.error("url: http://...; the clients speak no TLS")
    if not 0 < options.seconds <= MAX_SECONDS:
        parser.error(f"--seconds: above 0, at most {MAX_SECONDS}")
    if options.rate <= 0 or options.processes < 1:
        parser.error("--rate and --processes: above 0")
    password = options.password_file.read_text().strip()
    routes = Site(options.url, options.tenant, options.email, password).prepare()
    planned = phases(options.rate, options.seconds)
    begin = time.monotonic() + _START_SECONDS
    load = Load(options.url, routes, planned, options.processes, begin)
    tally = Running(load).result()
    sys.stdout.write(report(load, tally))
    return 1 if faults(tally) else 0


if __name__ == "__main__":
    sys.exit(main())
