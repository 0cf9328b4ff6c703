"""A page whose commands can be run: its `sh` blocks, each with what it prints shown below it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_BLOCK = re.compile(
    r"(?:<!-- (?P<mark>[^>]*) -->\n)?"
    r"```sh\n(?P<commands>.*?)^```\n"
    r"(?:\n?```(?:text|json|html)\n(?P<shown>.*?)^```\n)?",
    re.DOTALL | re.MULTILINE,
)
_ANYTHING = "…"


@dataclass(frozen=True)
class Step:
    """`mark` is the comment before it, which readers do not see. `line` is that of the page."""

    line: int
    mark: str
    commands: str
    shown: str

    def fits(self, said: str) -> bool:
        """Whether this was shown; `…` stands for anything within a line."""
        parts = (re.escape(part) for part in self.shown.strip().split(_ANYTHING))
        return re.fullmatch(".*".join(parts), said.strip()) is not None


def steps(page: str) -> Iterator[Step]:
    """Raises ValueError where a block is neither commands nor what they print."""
    if "```" in (rest := _BLOCK.sub("", page)):
        raise ValueError(f"not understood: {rest[rest.index('```') :].splitlines()[:2]}")
    for found in _BLOCK.finditer(page):
        line = page.count("\n", 0, found.start("commands"))
        yield Step(line, found["mark"] or "", found["commands"], found["shown"] or "")
