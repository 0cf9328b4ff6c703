"""What a process may do, from its start through its drain to its end."""

from dataclasses import dataclass


@dataclass
class Lifecycle:
    """`blocker` says why the pod may not serve yet; None once the start's checks have passed."""

    blocker: str | None = "the database has not been checked yet"
    draining: bool = False
    schema_version: int = 0

    @property
    def reason(self) -> str | None:
        """Why the pod wants no traffic, if it does not."""
        return "draining" if self.draining else self.blocker
