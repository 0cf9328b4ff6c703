"""Which scripts are due, from what the release brings and what the database says of itself.

An expand is due where it is missing. A contract is due where no release that it shuts out can be
running: after `--contract`, which says that the release is alone, or as far as the database itself
proves it. Whatever ran since is in that proof, because each release is announced first.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cms_service.migrations.errors import MigrationError, Refusal, RefusedError
from cms_service.migrations.files import Migration, Script
from cms_service.migrations.record import Record, Row, State


@dataclass(frozen=True)
class Plan:
    scripts: tuple[Script, ...]
    state: State


def expand(
    migrations: Sequence[Migration], record: Record, owner: str, in_use: int | None = None
) -> Plan:
    """`in_use`: the oldest release that has pods, where it is known: one that was rolled back to
    was not announced again. Raises MigrationError.
    """
    release = len(migrations)
    _check(migrations, record)
    known = {row.version for row in record.rows}
    for migration in migrations:
        if in_use is not None and migration.version not in known:
            _check_not_skipped(migration, in_use)
    oldest = min(_oldest_in_use(record, release), release if in_use is None else in_use, release)
    return Plan(
        tuple(_due(migrations, record, oldest)), State(release, oldest, owner or record.owner)
    )


def contract(migrations: Sequence[Migration], record: Record, owner: str) -> Plan:
    """What is due when no other release runs. Raises MigrationError."""
    release = len(migrations)
    _check(migrations, record)
    if record.state is None or record.version < release:
        raise MigrationError(
            f"The schema is at version {record.version}, this release was made for {release}:"
            " run migrate without --contract first."
        )
    if record.state.announced < release:
        raise MigrationError(
            f"A release made for schema {record.state.announced} was announced after this one,"
            f" which was made for {release}: nothing is contracted while it may run."
        )
    state = State(record.state.announced, release, owner or record.owner)
    return Plan(tuple(_due(migrations, record, release)), state)


def still_open(migrations: Sequence[Migration], record: Record) -> int:
    """How many contracts of this release wait."""
    return sum(1 for _ in _open(migrations, record))


def _due(migrations: Sequence[Migration], record: Record, oldest: int) -> Iterator[Script]:
    """The scripts in the order of their numbers; no contract overtakes one that has to wait."""
    expanded = {row.version for row in record.rows}
    waiting = {contract.version for contract in _open(migrations, record)}
    held = False
    for migration in migrations:
        if migration.version not in expanded:
            yield migration
        if migration.contract and migration.version in waiting:
            held = held or migration.contract.oldest_readable > oldest
            if not held:
                yield migration.contract


def _open(migrations: Sequence[Migration], record: Record) -> Iterator[Script]:
    contracted = {row.version for row in record.rows if row.contract_checksum}
    for migration in migrations:
        if migration.contract and migration.version not in contracted:
            yield migration.contract


def _oldest_in_use(record: Record, release: int) -> int:
    """The oldest release that may run: with a new database this one, with one that has no such
    record the oldest that it works with.
    """
    if record.state is not None:
        return record.state.oldest_in_use
    return record.oldest_readable if record.rows else release


def _check(migrations: Sequence[Migration], record: Record) -> None:
    release = len(migrations)
    if record.oldest_readable > release:
        raise RefusedError(
            Refusal.SCHEMA_TOO_NEW,
            f"The database is at schema {record.version} and works with releases made for schema"
            f" {record.oldest_readable} or newer; this one was made for {release}. Use a newer"
            " image, or restore a backup from before that migration.",
        )
    rows = {row.version: row for row in record.rows}
    for migration in migrations:
        if row := rows.get(migration.version):
            _check_unchanged(migration, row)
        elif migration.version < record.version:
            raise MigrationError(
                f"The database is at schema {record.version} and lacks {migration.name}."
            )


def _check_unchanged(migration: Migration, row: Row) -> None:
    pairs: list[tuple[Script | None, str]] = [
        (migration, row.checksum),
        (migration.contract, row.contract_checksum),
    ]
    for script, checksum in pairs:
        if script and checksum and checksum != script.checksum:
            raise MigrationError(f"The migration {script.name} was changed after it was applied.")


def _check_not_skipped(migration: Migration, in_use: int) -> None:
    if migration.oldest_readable > in_use:
        raise RefusedError(
            Refusal.RELEASE_SKIPPED,
            f"{migration.name} works with releases made for schema {migration.oldest_readable} or"
            f" newer, and one made for {in_use} is serving. Release one made for schema"
            f" {migration.oldest_readable} to {migration.version - 1} first.",
        )
