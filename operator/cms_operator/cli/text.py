"""Columns, ages and marks for a terminal."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime

from cms_operator.api.objects import Object

GOOD, BAD, BUSY, HELD = "✔", "✖", "◌", "⏸"
_COLOURS = {GOOD: 32, BAD: 31, BUSY: 36, HELD: 33}
_MARKS = re.compile("|".join(_COLOURS))
# A terminal takes what begins with some of these for an order, a line's end for another line.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_GAP = "   "
# Two of a unit and more are told in it, as kubectl does.
_UNITS = (("d", 86_400), ("h", 3600), ("m", 60))


def table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Columns side by side; the last one is as wide as it likes."""
    count = max((len(row) for row in rows), default=0)
    filled = [[*row, *[""] * (count - len(row))] for row in rows]
    widths = [max(len(row[column]) for row in filled) for column in range(count)]
    widths[-1:] = [0]
    return [
        _GAP.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in filled
    ]


def age(moment: str | None, now: datetime) -> str:
    """How long ago, as kubectl tells it."""
    if not moment:
        return ""
    seconds = max(0, int((now - datetime.fromisoformat(moment)).total_seconds()))
    for unit, length in _UNITS:
        if seconds >= 2 * length:
            return f"{seconds // length}{unit}"
    return f"{seconds}s"


def harmless(line: str) -> str:
    r"""The line as it may be shown, whoever wrote it: what a pod or a spec says stands in messages.
    Control characters are written as \x1b.
    """
    return _CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), line)


def coloured(line: str) -> str:
    return _MARKS.sub(lambda mark: f"\x1b[{_COLOURS[mark[0]]}m{mark[0]}\x1b[0m", line)


def cut(line: str, width: int) -> str:
    return line if len(line) <= width else f"{line[: width - 1]}…"


def count(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def labels_of(found: Object) -> Mapping[str, str]:
    return found["metadata"].get("labels") or {}
