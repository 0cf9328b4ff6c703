"""What a migration says when it cannot go on."""

from enum import StrEnum


class MigrationError(Exception):
    """One sentence for the reader, without credentials."""


class Refusal(StrEnum):
    SCHEMA_TOO_NEW = "SchemaTooNew"
    DATABASE_OWNED = "DatabaseOwned"
    RELEASE_SKIPPED = "ReleaseSkipped"


class RefusedError(MigrationError):
    """Nothing was changed, and to try again as it is would change nothing either."""

    def __init__(self, refusal: Refusal, sentence: str) -> None:
        super().__init__(sentence)
        self.refusal = refusal
