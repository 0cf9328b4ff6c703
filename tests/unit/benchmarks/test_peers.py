"""The systems are asked for the same, and compared row by row."""

from pathlib import Path

import pytest

from benchmarks import peers
from benchmarks.cost import Cost
from benchmarks.peers.system import CACHED, UNCACHED, Case, Row, differences
from benchmarks.peers.table import Measured, figures_table, ratios, ratios_table
from benchmarks.wrk import Figures

ARTICLE = '{"title": "Article 7", "author": {"name": "Author 7"}}'
PLAIN = '{"title": "Article 7"}'
TAGS = '"tags": [{"title": "Tag 1"}, {"title":"Tag 2"}, {"title": "Tag 3"}]'


def measured(system: str, case: Case, rate: int, p99: float) -> Measured:
    figures = Figures(rate * 10, 10, p99 / 2, p99)
    return Measured(system, case, Cost(figures, {"server": 1000 / rate, "PostgreSQL": 0.5}))


MEASURED = [
    measured("ours", Case(Row.ARTICLE), 1600, 30),
    measured("ours", Case(Row.ARTICLE, cached=True), 16_000, 3),
    measured("ours", Case(Row.CREATE), 400, 90),
    measured("one", Case(Row.ARTICLE), 300, 130),
    measured("one", Case(Row.CREATE), 70, 700),
    measured("one with a cache", Case(Row.ARTICLE, cached=True), 1200, 60),
    measured("two", Case(Row.ARTICLE), 400, 110),
    measured("two", Case(Row.CREATE), 100, 300),
]
MEMORY = {"ours": 140.0, "one": 650.0, "two": 600.0}


def found() -> dict[str, tuple[float, bool]]:
    return {each.name: (each.best, each.is_reached) for each in ratios("ours", MEASURED, MEMORY)}


def test_each_row_is_compared_with_the_best_that_does_the_same() -> None:
    article = "one article with its author"
    assert found() == {
        f"{article}: requests/s": (400, True),
        f"{article}: p99, ms": (110, False),
        f"{article}, cached: requests/s": (1200, True),
        f"{article}, cached: p99, ms": (60, True),
        "create with three tags: requests/s": (100, False),
        "create with three tags: p99, ms": (300, False),
        "memory, MiB": (600, True),
    }


def test_from_the_cache_the_best_may_be_one_without_a_cache() -> None:
    slow_cache = [each for each in MEASURED if each.system != "one with a cache"]
    names = {each.name: each.best for each in ratios("ours", slow_cache, MEMORY)}
    assert names["one article with its author, cached: requests/s"] == 400


def test_alone_there_is_nothing_to_compare() -> None:
    mine = [each for each in MEASURED if each.system == "ours"]
    assert not list(ratios("ours", mine, {"ours": 140.0}))


def test_the_tables_have_a_line_for_each_figure() -> None:
    figures = figures_table(MEASURED, MEMORY).splitlines()
    assert len([line for line in figures if line.startswith("| one article")]) == 5
    assert (
        "| one article with its author | ours, from its cache | 16000 | 1.5 | 3.0 | 0.06 | 0.50 |"
        in (figures)
    )
    assert "| two | 600 |" in figures
    told = ratios_table(ratios("ours", MEASURED, MEMORY)).splitlines()
    assert len(told) == 2 + len(found())
    assert told[2].endswith("| 1600 | 400 | 4.00 | at least 4 | reached |")
    assert told[3].endswith("| 30 | 110 | 0.27 | at most 0.25 | **missed** |")


@pytest.mark.parametrize(
    ("row", "answer", "told"),
    [
        (Row.ARTICLE, ARTICLE, []),
        (Row.ARTICLE, PLAIN, [r'0 instead of 1 of "Author \d+"']),
        (Row.LIST, PLAIN * 20, []),
        (Row.LIST, PLAIN * 19, [r'19 instead of 20 of "Article \d+"']),
        (Row.FULL, f"{ARTICLE}{TAGS}" * 20, []),
        (Row.FULL, ARTICLE * 20, [r'0 instead of 60 of "Tag \d+"']),
        (Row.CREATE, '{"data": {"title": "A new article"}}', []),
        (Row.CREATE, "{}", ['0 instead of 1 of "A new article"']),
    ],
)
def test_an_answer_has_to_hold_what_was_asked_for(row: Row, answer: str, told: list[str]) -> None:
    assert differences(row, answer) == told


def test_the_cache_is_asked_for_every_read() -> None:
    assert [case.row for case in CACHED] == [case.row for case in UNCACHED[:-1]]
    assert UNCACHED[-1].row is Row.CREATE


def test_the_lock_holds_hashes_and_no_address() -> None:
    lock = (Path(peers.__file__).parent / "node" / "package-lock.json").read_text()
    assert '"integrity": "sha512-' in lock
    assert "://" not in lock
