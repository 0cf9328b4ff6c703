"""What a load has shown, as a table in Markdown."""

from collections import Counter
from collections.abc import Iterator

from benchmarks.load.client import Load, Tally

# Above it the clients, and not the servers, would be what is measured.
MOST_BEHIND_MILLISECONDS = 20.0


def percentile(times: Counter[int], share: float) -> float:
    """The time that this share of requests does not exceed, in milliseconds; 0 where there are
    none.
    """
    wanted, seen = share * times.total(), 0
    for microseconds in sorted(times):
        seen += times[microseconds]
        if seen >= wanted:
            return microseconds / 1000
    return 0.0


def faults(tally: Tally) -> list[str]:
    """Why the load does not pass, empty where it does."""
    found = [
        f"{count} x {route} in {phase}: {what}"
        for (phase, route, what), count in sorted(tally.failures.items())
    ]
    if tally.refused:
        found.append(f"{tally.refused} requests were not sent: too many waited for an answer")
    behind = percentile(tally.behind, 0.99)
    if behind > MOST_BEHIND_MILLISECONDS:
        found.append(f"1 % of the requests left {behind:g} ms late or more: the clients are slow")
    return found


def report(load: Load, tally: Tally) -> str:
    return "\n".join([*_table(load, tally), "", *_summary(tally), ""])


def _table(load: Load, tally: Tally) -> Iterator[str]:
    yield "| phase | route | requests/s | answers | failed | p50 ms | p95 ms | p99 ms | max ms |"
    yield "|---|---|--:|--:|--:|--:|--:|--:|--:|"
    for phase in load.phases:
        for route in load.routes:
            times = tally.microseconds.get((phase.name, route.name), Counter())
            failed = sum(
                count
                for (in_phase, on_route, _), count in tally.failures.items()
                if (in_phase, on_route) == (phase.name, route.name)
            )
            figures = [percentile(times, share) for share in (0.5, 0.95, 0.99, 1.0)]
            cells = [phase.name, route.name, f"{times.total() / phase.seconds:.1f}"]
            cells += [str(times.total()), str(failed), *(f"{figure:g}" for figure in figures)]
            yield f"| {' | '.join(cells)} |"


def _summary(tally: Tally) -> Iterator[str]:
    total = tally.instances.total()
    for instance, count in sorted(tally.instances.items()):
        yield f"- {instance or 'the proxy itself'}: {count / total:.1%} of the answers"
    yield f"- clients: 99 % of the requests left within {percentile(tally.behind, 0.99):g} ms"
    for fault in faults(tally):
        yield f"- **{fault}**"
