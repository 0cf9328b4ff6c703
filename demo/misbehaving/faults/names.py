"""The images by their names."""

from enum import StrEnum


class Fault(StrEnum):
    ERRORS = "errors"
    SLOW = "slow"
    CRASH = "crash"
    NEVER_READY = "never-ready"
    LEAK = "leak"
    NO_DATABASE = "no-database"
    BAD_MIGRATION = "bad-migration"
    GOOD = "good"
    """Another version without a fault."""
