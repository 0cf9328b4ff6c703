"""The errors that a user of the local cluster sees."""

from pathlib import Path


class ClusterError(Exception):
    """Something failed; carries the log to read and the likely cure."""

    def __init__(self, message: str, *, log: Path | None = None, cure: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.log = log
        self.cure = cure

    def __str__(self) -> str:
        lines = [self.message]
        if self.log is not None:
            lines.append(f"  log:  {self.log}")
        if self.cure is not None:
            lines.append(f"  cure: {self.cure}")
        return "\n".join(lines)


class NoClusterError(ClusterError):
    """What such a cluster needs is not to be had on this machine: nothing has failed."""
