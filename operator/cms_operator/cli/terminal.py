"""What the plugin writes to the terminal."""

import os
import sys
from collections.abc import Sequence

from cms_operator.cli.text import coloured

FAILED = 1


def say(lines: Sequence[str]) -> None:
    colours = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    for line in lines:
        sys.stdout.write(f"{coloured(line) if colours else line}\n")
    sys.stdout.flush()


def fail(words: str) -> int:
    """Tell what was wrong; return the exit code."""
    sys.stderr.write(f"error: {words}\n")
    return FAILED
