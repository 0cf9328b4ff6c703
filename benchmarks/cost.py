"""The CPU time that requests take, of each part that works for them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.wrk import Figures

# CPU seconds so far.
Meters = Mapping[str, Callable[[], float]]


@dataclass(frozen=True)
class Cost:
    """`cpu`: milliseconds of a request, by part."""

    figures: Figures
    cpu: Mapping[str, float]

    @property
    def total(self) -> float:
        return sum(self.cpu.values())


def measured(load: Callable[[], Figures], meters: Meters) -> Cost:
    before = {part: read() for part, read in meters.items()}
    figures = load()
    cpu = {part: (read() - before[part]) / figures.requests * 1000 for part, read in meters.items()}
    return Cost(figures, cpu)


def middle(costs: Sequence[Cost], part: str | None = None) -> Cost:
    """The median by its CPU time, of one part or of all."""
    return sorted(costs, key=lambda cost: cost.cpu[part] if part else cost.total)[len(costs) // 2]
