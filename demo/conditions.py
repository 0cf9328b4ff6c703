"""The conditions of a HeadlessCMS, shown as they turn."""

from collections.abc import Callable
from typing import Any

from demo.headless_cms import is_ready
from demo.stage import Stage
from demo.waiting import wait_until

READY_SECONDS = 300


def show_until_ready(stage: Stage) -> None:
    board = Board(stage.say)

    def look() -> bool:
        found = stage.cms.found()
        board.show(found.get("status", {}).get("conditions", []))
        return is_ready(found)

    wait_until(look, READY_SECONDS, "the HeadlessCMS is Ready; its conditions above say why")


class Board:
    """Tells what has changed since the last look."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._shown: dict[str, tuple[str, ...]] = {}

    def show(self, conditions: list[dict[str, Any]]) -> None:
        for item in conditions:
            kind, status, reason = item["type"], item["status"], item["reason"]
            message = item.get("message", "")
            # Ready sums the others up, so progress within one reason is told there alone.
            state = (status, reason, message) if kind == "Ready" else (status, reason)
            if self._shown.get(kind) != state:
                self._shown[kind] = state
                self._say(f"  {kind:<16} {status:<8} {reason}: {message}")
