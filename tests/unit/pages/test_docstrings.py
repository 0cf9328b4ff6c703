"""Docstrings are read without the name above them: in an editor, in a list, in the API document."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.charts import REPOSITORY

# A sentence that begins with one of these mostly goes on from the name.
BEGINNINGS = frozenset(
    {"And", "As", "But", "By", "For", "From", "In", "Into", "Of", "On", "To", "With", "Without"}
)
# Folders and files in which there are none.
PLACES = (
    "benchmarks",
    "cms_service",
    "dashboards",
    "demo",
    "localcluster",
    "operator",
    "supply",
    "tests",
)


def fragments(source: str) -> Iterator[tuple[int, str]]:
    """Line and beginning of each docstring that goes on from the name above it."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            words = (ast.get_docstring(node) or "").split()
            if words and words[0].rstrip(",:;") in BEGINNINGS:
                yield getattr(node, "lineno", 1), " ".join(words[:8])


@pytest.mark.parametrize(
    ("docstring", "is_fragment"),
    [
        ("Of all tenants.", True),
        ("By name, those that are due.", True),
        ("As: it stands.", True),
        ("The schedules that are due, of all tenants.", False),
        ("Ask for a token.", False),
        ("Offer what is there.", False),
    ],
)
def test_a_docstring_that_goes_on_from_a_name_is_found(
    docstring: str, *, is_fragment: bool
) -> None:
    in_places = (
        f'"""{docstring}"""\n',
        f'def due():\n    """{docstring}"""\n',
        f'class Due:\n    """{docstring}"""\n',
        f'class Due:\n    async def all(self):\n        """{docstring}"""\n',
    )
    assert [bool(list(fragments(source))) for source in in_places] == [is_fragment] * 4


@pytest.mark.parametrize("place", PLACES)
def test_the_first_sentence_of_a_docstring_stands_alone(place: str) -> None:
    files = files_of(REPOSITORY / place)
    assert files, "it has moved"
    found = [
        f"{file.relative_to(REPOSITORY)}:{line}: {words}"
        for file in files
        for line, words in fragments(file.read_text())
    ]
    assert not found, "\n".join(("say these so that they stand without the name:", *found))


def files_of(place: Path) -> list[Path]:
    return sorted(place.rglob("*.py")) if place.is_dir() else [place]
