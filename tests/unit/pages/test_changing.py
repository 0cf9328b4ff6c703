"""docs/changing.md names places that are there."""

import re
from pathlib import Path

import pytest

from tests.support.charts import REPOSITORY
from tests.support.pages import DOCS

OPERATOR = REPOSITORY / "operator" / "cms_operator"
PAGE = (DOCS / "changing.md").read_text()
_PATH = re.compile(r"`([\w./-]*(?:/[\w.-]+|\.(?:py|toml|md|tpl|yaml|json))|[a-z]+)`")
_ROW = re.compile(r"^\| (?!change)(?!---)(.*?) \|.*$", re.MULTILINE)


def places(section: str) -> dict[str, list[str]]:
    """The paths of each row, by its change."""
    text = PAGE.partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    return {row[1]: _PATH.findall(row[0]) for row in _ROW.finditer(text)}


@pytest.mark.parametrize(
    ("section", "bases"),
    [("Of the operator", (OPERATOR, REPOSITORY)), ("Of the CMS", (REPOSITORY,))],
)
def test_each_place_is_there(section: str, bases: tuple[Path, ...]) -> None:
    found = places(section)
    assert all(found.values()), "every change has a place"
    named = {place for row in found.values() for place in row}
    assert {place for place in named if not any((base / place).exists() for base in bases)} == set()


def test_each_change_names_a_check() -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith("| ") and "---" not in line]
    for line in rows:
        last = line.split(" | ")[-1]
        assert re.search(r"tests/|make check|forgotten", last), line
