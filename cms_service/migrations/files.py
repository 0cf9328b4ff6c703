"""The numbered files of this package."""

import hashlib
import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

_NAME = re.compile(r"(\d{4})_[a-z0-9_]+\.sql")
_OLDEST_READABLE = re.compile(r"-- oldest-readable: (\d+)\n")


@dataclass(frozen=True)
class Migration:
    """`oldest_readable`: the oldest release, named by the schema it was made for, that still works
    when this migration has been applied.
    """

    version: int
    name: str
    oldest_readable: int
    sql: str

    @property
    def checksum(self) -> str:
        return hashlib.sha256(self.sql.encode()).hexdigest()


@cache
def all_migrations() -> tuple[Migration, ...]:
    found = [
        parse(file.name, file.read_text())
        for file in files(__package__).iterdir()
        if _NAME.fullmatch(file.name)
    ]
    migrations = tuple(sorted(found, key=lambda migration: migration.version))
    if [migration.version for migration in migrations] != list(range(1, len(migrations) + 1)):
        raise ValueError("the migrations' numbers have a gap or a double")
    return migrations


def latest_version() -> int:
    return len(all_migrations())


def parse(name: str, sql: str) -> Migration:
    """Raises ValueError."""
    number = _NAME.fullmatch(name)
    oldest = _OLDEST_READABLE.match(sql)
    if number is None or oldest is None:
        raise ValueError(f"{name} lacks a number or its first line -- oldest-readable: <version>")
    return Migration(int(number[1]), name, int(oldest[1]), sql)
