"""What was measured, and how far it is from what is wanted, as tables in Markdown."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.cost import Cost
from benchmarks.peers.system import Case, Row
from benchmarks.wrk import Figures

# How many times as fast as the best of the others.
FASTER_CACHED = 10.0
FASTER: Mapping[Row, float] = {Row.ARTICLE: 4, Row.LIST: 2, Row.FULL: 4, Row.CREATE: 5}
# At most this part of the least that another needs.
PART_OF_P99 = PART_OF_MEMORY = 0.25


@dataclass(frozen=True)
class Measured:
    system: str
    case: Case
    cost: Cost

    @property
    def figures(self) -> Figures:
        return self.cost.figures


@dataclass(frozen=True)
class Ratio:
    """`wanted`: at least for a rate, at most for what should be small."""

    name: str
    ours: float
    best: float
    wanted: float
    more_is_better: bool

    @property
    def value(self) -> float:
        return self.ours / self.best

    @property
    def is_reached(self) -> bool:
        return self.value >= self.wanted if self.more_is_better else self.value <= self.wanted


def ratios(ours: str, measured: Sequence[Measured], memory: Mapping[str, float]) -> Iterator[Ratio]:
    """Only of what ours and another have done. What ours has cached is compared with the best that
    another does, cached or not.
    """
    mine = [each for each in measured if each.system == ours]
    others = [each for each in measured if each.system != ours]
    for each in mine:
        same = [
            other.figures
            for other in others
            if other.case == each.case or (each.case.cached and other.case.row is each.case.row)
        ]
        if same:
            yield from _ratios(each, same)
    least = [mebibytes for system, mebibytes in memory.items() if system != ours]
    if least:
        yield Ratio("memory, MiB", memory[ours], min(least), PART_OF_MEMORY, more_is_better=False)


def _ratios(mine: Measured, others: Sequence[Figures]) -> Iterator[Ratio]:
    row, cached = mine.case.row, mine.case.cached
    name = f"{row}, cached" if cached else str(row)
    wanted = FASTER_CACHED if cached else FASTER[row]
    rate, p99 = max(other.rate for other in others), min(other.p99 for other in others)
    yield Ratio(f"{name}: requests/s", mine.figures.rate, rate, wanted, more_is_better=True)
    yield Ratio(f"{name}: p99, ms", mine.figures.p99, p99, PART_OF_P99, more_is_better=False)


def figures_table(measured: Iterable[Measured], memory: Mapping[str, float]) -> str:
    lines = [
        "| | system | requests/s | p50 ms | p99 ms | CPU ms a request: server | PostgreSQL |",
        "|---|---|--:|--:|--:|--:|--:|",
    ]
    for each in sorted(
        measured, key=lambda each: (list(Row).index(each.case.row), each.case.cached)
    ):
        name = f"{each.system}, from its cache" if each.case.cached else each.system
        figures = each.figures
        cells = [each.case.row, name, f"{figures.rate:.0f}"]
        cells += [f"{figures.p50:.1f}", f"{figures.p99:.1f}", f"{each.cost.cpu['server']:.2f}"]
        cells.append(f"{each.cost.cpu['PostgreSQL']:.2f}")
        lines.append(f"| {' | '.join(cells)} |")
    lines += ["", "| most memory resident, MiB | |", "|---|--:|"]
    lines += [f"| {system} | {mebibytes:.0f} |" for system, mebibytes in memory.items()]
    return "\n".join(lines)


def ratios_table(found: Iterable[Ratio]) -> str:
    lines = [
        "| | ours | best of the others | ratio | wanted | |",
        "|---|--:|--:|--:|--:|---|",
    ]
    for each in found:
        bound = "at least" if each.more_is_better else "at most"
        cells = [each.name, f"{each.ours:.4g}", f"{each.best:.4g}", f"{each.value:.2f}"]
        cells += [f"{bound} {each.wanted:g}", "reached" if each.is_reached else "**missed**"]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)
