"""Finding and undoing mounts below folders of ours."""

from collections.abc import Sequence
from pathlib import Path

from localcluster.errors import ClusterError
from localcluster.shell import succeeds

MOUNT_INFO = Path("/proc/self/mountinfo")


def below(mount_info: str, folders: Sequence[Path]) -> list[str]:
    """Mount points in the folders, the deepest first."""
    points = [line.split()[4].replace("\\040", " ") for line in mount_info.splitlines()]
    ours = [p for p in points if any(Path(p).is_relative_to(folder) for folder in folders)]
    return sorted(ours, key=lambda point: point.count("/"), reverse=True)


def undo(folders: Sequence[Path]) -> None:
    """Raises ClusterError where one stays: deleting the folder would then reach into it."""
    for point in below(MOUNT_INFO.read_text(), folders):
        succeeds(("umount", "--lazy", point))
    if left := below(MOUNT_INFO.read_text(), folders):
        raise ClusterError(
            f"still mounted: {', '.join(left)}", cure="umount what is listed, then try again"
        )
