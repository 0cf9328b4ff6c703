"""The pages of the documentation, and what stands in them."""

import re
from collections.abc import Iterator
from pathlib import Path

from tests.support.charts import REPOSITORY

DOCS = REPOSITORY / "docs"
PAGES = sorted(
    [
        REPOSITORY / "README.md",
        REPOSITORY / "localcluster" / "README.md",
        *(REPOSITORY / "config" / "samples").rglob("*.md"),
        *DOCS.rglob("*.md"),
    ]
)

_LINK = re.compile(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)")
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def name(page: Path) -> str:
    return str(page.relative_to(REPOSITORY))


def links(page: Path) -> Iterator[tuple[Path, str]]:
    """Files that it leads to, each with the part that is meant or nothing."""
    for target, part in _LINK.findall(prose(page)):
        yield (page.parent / target if target else page), part


def parts(page: Path) -> set[str]:
    """The anchors of the headings, as GitHub names them."""
    headings = re.findall(r"^#+ (.*)$", prose(page), re.MULTILINE)
    words = (re.sub(r"[^\w -]", "", heading.lower()) for heading in headings)
    return {word.replace(" ", "-") for word in words}


def prose(page: Path) -> str:
    """The text without blocks of code."""
    return _BLOCK.sub("", page.read_text())


def blocks(page: Path, language: str) -> list[str]:
    return [text for found, text in _BLOCK.findall(page.read_text()) if found == language]


def shell_lines(page: Path) -> Iterator[str]:
    """Commands, in blocks that are fenced or indented; a backslash joins lines."""
    text = re.sub(r" *\\\n *", " ", page.read_text())
    for found, block in _BLOCK.findall(text):
        if found in {"", "sh"}:
            yield from block.splitlines()
    for line in _BLOCK.sub("", text).splitlines():
        if line.startswith("    "):
            yield line.strip()
