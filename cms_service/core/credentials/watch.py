"""Files that change under a running process (mounted Secrets)."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

logger = logging.getLogger(__name__)

_SECONDS = 1.0


@dataclass(frozen=True)
class Watch:
    paths: tuple[Path, ...]
    changed: Callable[[], Awaitable[None]]


async def watch_files(watches: list[Watch]) -> None:
    """Compares contents, not times: a Secret's files are symbolic links that are swapped.

    Each watch is told once at the start: its files may have changed since they were first read.
    """
    seen: list[list[int | None] | None] = [None for _ in watches]
    while True:
        for index, watch in enumerate(watches):
            contents = _contents(watch.paths)
            if contents != seen[index]:
                seen[index] = contents
                await watch.changed()
        await asyncio.sleep(_SECONDS)


def _contents(paths: tuple[Path, ...]) -> list[int | None]:
    return [_content(path) for path in paths]


def _content(path: Path) -> int | None:
    try:
        return hash(path.read_bytes())
    except OSError:
        return None
