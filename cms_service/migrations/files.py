"""The numbered files of this package: `0003_name.sql` expands, `0003_name.contract.sql` takes away
what only older releases need.

A script whose second line is `-- each statement by itself` is no transaction, for indexes that are
built while others write. It has to bear being begun anew, and its statements end with their lines.

One whose second line is `-- recorded as: <checksum>` corrects the text with that checksum, and is
the same script to every release: it leaves just what that one leaves where it does not fail.
"""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files

_NAME = re.compile(r"(?P<number>\d{4})_[a-z0-9_]+(?P<contract>\.contract)?\.sql")
_OLDEST_READABLE = re.compile(r"-- oldest-readable: (\d+)\n")
_RECORDED_AS = re.compile(r".*\n-- recorded as: ([0-9a-f]{64})\n")
_BY_ITSELF = re.compile(r".*\n-- each statement by itself\n")


@dataclass(frozen=True)
class Script:
    """`oldest_readable`: the oldest release, named by the schema it was made for, that still works
    when this script has been applied.
    """

    version: int
    name: str
    oldest_readable: int
    sql: str

    @property
    def checksum(self) -> str:
        if found := _RECORDED_AS.match(self.sql):
            return found[1]
        return hashlib.sha256(self.sql.encode()).hexdigest()

    @property
    def statements(self) -> tuple[str, ...]:
        """None where all of it is one transaction."""
        if _BY_ITSELF.match(self.sql) is None:
            return ()
        return tuple(part for part in self.sql.split(";\n") if part.strip())


@dataclass(frozen=True)
class Migration(Script):
    """What is added, and what may go when no older release runs any more.

    A release runs before and after its own contract, and its expand is applied to a
    database in which earlier contracts may still be open.
    """

    contract: Script | None = None


@cache
def all_migrations() -> tuple[Migration, ...]:
    return combine(
        parse(file.name, file.read_text())
        for file in files(__package__).iterdir()
        if _NAME.fullmatch(file.name)
    )


def combine(scripts: Iterable[Script]) -> tuple[Migration, ...]:
    """The migrations in their order, each with its contract. Raises ValueError."""
    expands: list[Migration] = []
    contracts: dict[int, Script] = {}
    for script in sorted(scripts, key=lambda script: (script.version, script.name)):
        if isinstance(script, Migration):
            expands.append(script)
        elif contracts.setdefault(script.version, script) is not script:
            raise ValueError(f"{script.name} is the second contract of its number")
    if [migration.version for migration in expands] != list(range(1, len(expands) + 1)):
        raise ValueError("the migrations' numbers have a gap or a double")
    for migration in expands:
        _check(migration, contracts.get(migration.version))
    if lone := contracts.keys() - {migration.version for migration in expands}:
        raise ValueError(f"there is a contract without a migration {min(lone)}")
    return tuple(replace(found, contract=contracts.get(found.version)) for found in expands)


def _check(migration: Migration, contract: Script | None) -> None:
    if contract and contract.name != migration.name.replace(".sql", ".contract.sql"):
        raise ValueError(f"{contract.name} has another name than {migration.name}")
    for script in (migration, contract):
        if script and script.oldest_readable > script.version:
            raise ValueError(f"{script.name} shuts out the release that brings it")


def latest_version() -> int:
    return len(all_migrations())


def parse(name: str, sql: str) -> Script:
    """A Migration, or the Script that is a contract. Raises ValueError."""
    found = _NAME.fullmatch(name)
    oldest = _OLDEST_READABLE.match(sql)
    if found is None or oldest is None:
        raise ValueError(f"{name} lacks a number or its first line -- oldest-readable: <version>")
    kind = Script if found["contract"] else Migration
    return kind(int(found["number"]), name, int(oldest[1]), sql)
