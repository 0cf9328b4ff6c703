"""What the plugin writes to the terminal."""

import os
import sys
from collections.abc import Sequence

from cms_operator.cli.text import coloured, harmless

FAILED = 1


def say(lines: Sequence[str]) -> None:
    colours = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    for line in map(harmless, lines):
        sys.stdout.write(f"{coloured(line) if colours else line}\n")
    sys.stdout.flush()


def fail(words: str) -> int:
    """Tell what was wrong; return the exit code."""
    # kubectl's own words may have several lines.
    sys.stderr.write("\n".join(map(harmless, f"error: {words}".split("\n"))) + "\n")
    return FAILED
