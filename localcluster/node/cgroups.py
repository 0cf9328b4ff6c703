"""The kubelet's control groups, in either version of the hierarchy."""

import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")
PODS = "kubepods"
REMOVE_SECONDS = 5.0


def pod_groups() -> list[Path]:
    """Where the kubelet keeps, or would keep, its pods' groups."""
    hierarchies = [ROOT, *(path for path in ROOT.iterdir() if path.is_dir())]
    return [path / PODS for path in hierarchies if path == ROOT or _is_hierarchy(path)]


def _is_hierarchy(path: Path) -> bool:
    return (path / "cgroup.procs").exists()


def remove(group: Path) -> None:
    """Removes a group and those below it, as soon as their processes have gone."""
    deadline = time.monotonic() + REMOVE_SECONDS
    while group.exists() and not _removed(group) and time.monotonic() < deadline:
        time.sleep(0.1)


def _removed(group: Path) -> bool:
    try:
        for path in _deepest_first(group):
            path.rmdir()
    except OSError:
        return False
    return True


def _deepest_first(group: Path) -> Iterator[Path]:
    for child in group.iterdir():
        if child.is_dir():
            yield from _deepest_first(child)
    yield group
