"""What `python -m cms_service migrate [--contract]` does, from the lock to the report."""

import asyncio
import contextlib
import logging
import secrets
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import orjson

from cms_service.core.credentials.sources import Credentials, read_directory, read_url_file
from cms_service.core.postgres import session_settings
from cms_service.core.postgres.servers import Servers
from cms_service.core.settings.database import DatabaseSettings
from cms_service.core.settings.migrate import MigrateSettings
from cms_service.limits.manage import set_defaults
from cms_service.migrations import owner, plan, record, runner, service_role
from cms_service.migrations.errors import MigrationError, RefusedError
from cms_service.migrations.explain import explain
from cms_service.migrations.files import Migration, all_migrations
from cms_service.migrations.runner import Limits
from cms_service.migrations.tenants import WantedTenant, ensure, parse_wanted

logger = logging.getLogger(__name__)

_TERMINATION_LOG = Path("/dev/termination-log")
_CONNECT_SECONDS = 10.0
_CLOSE_SECONDS = 5.0  # a server that is away takes no leave
_SALT_BYTES = 16
_MAX_CONNECTIONS = """
SELECT sum(CASE name WHEN 'max_connections' THEN setting::int ELSE -setting::int END)::int
FROM pg_settings
WHERE name IN ('max_connections', 'superuser_reserved_connections', 'reserved_connections')
"""


_FAILED = 1
# Not before something else has changed: the operator's Job ends with the first attempt.
_REFUSED = 3


@dataclass(frozen=True)
class Report:
    """`schema_version`: the schema that this release was made for. `to_contract`: how many of its
    contracts wait. `max_connections`: those that PostgreSQL leaves to ordinary roles.
    """

    from_version: int
    to_version: int
    oldest_readable: int
    schema_version: int
    to_contract: int
    max_connections: int

    def as_json(self) -> dict[str, object]:
        return {
            "from": self.from_version,
            "to": self.to_version,
            "oldestReadable": self.oldest_readable,
            "schemaVersion": self.schema_version,
            "toContract": self.to_contract,
            "maxConnections": self.max_connections,
            "error": None,
        }


def run(settings: MigrateSettings, *, contract: bool = False) -> int:
    """The exit code."""
    place = settings.database_url.place
    try:
        report = asyncio.run(_within_time(settings, contract=contract))
    except Exception as error:  # noqa: BLE001 - every error becomes a sentence for the reader
        sentence = explain(error, place)
        logger.error("migration failed: %s", sentence)  # noqa: TRY400 - a trace may hold values
        refusal = error.refusal if isinstance(error, RefusedError) else None
        _write(settings.termination_log, {"error": sentence, "refusal": refusal})
        return _REFUSED if refusal else _FAILED
    logger.info("migrated", extra={"report": report.as_json()})
    _write(settings.termination_log, report.as_json())
    return 0


async def _within_time(settings: MigrateSettings, *, contract: bool) -> Report:
    # The steps give up by themselves with a better message; this is for one that hangs.
    async with asyncio.timeout(settings.migration_timeout_seconds + _CONNECT_SECONDS):
        return await migrate(settings, all_migrations(), contract=contract)


async def migrate(
    settings: MigrateSettings, migrations: Sequence[Migration], *, contract: bool = False
) -> Report:
    """Raises MigrationError, and what the connection raises."""
    limits = Limits(
        time.monotonic() + settings.migration_timeout_seconds,
        settings.migration_lock_timeout_seconds,
    )
    wanted = parse_wanted(settings.tenants)
    service = _service_credentials(settings)
    async with connected(settings) as connection:
        await runner.lock(connection, limits)
        before = await record.read(connection)
        owner.check(before, settings.database_owner, settings.database_take_over_from)
        todo = (
            plan.contract(migrations, before, settings.database_owner)
            if contract
            else plan.expand(
                migrations, before, settings.database_owner, settings.database_schema_in_use
            )
        )
        await record.announce(connection, before, todo.state)
        for script in todo.scripts:
            await runner.apply(
                connection,
                script,
                limits,
                partial(service_role.grant_early, username=service.username),
            )
        if not contract:
            await _prepare_service(connection, settings, service)
            await set_defaults(connection, settings.default_limits)
            await _prepare_tenants(connection, wanted, settings.tenant_passwords_dir)
        after = await record.read(connection)
        return Report(
            before.version,
            after.version,
            after.oldest_readable,
            len(migrations),
            plan.still_open(migrations, after),
            await connection.fetchval(_MAX_CONNECTIONS),
        )


@asynccontextmanager
async def connected(settings: DatabaseSettings) -> AsyncIterator[Any]:
    """A connection of the tables' owner. Raises what connecting raises."""
    credentials = settings.database_credentials().current()
    url = settings.database_url
    connection = await Servers(url, url.target).connect(credentials, _CONNECT_SECONDS)
    try:
        # Said here, and not when it connects: a pooler that keeps sessions takes it so, too.
        await connection.execute(session_settings.LOOK_FOR_SILENT_PEERS)
        yield connection
    finally:
        with contextlib.suppress(Exception):  # it has been torn off then
            await connection.close(timeout=_CLOSE_SECONDS)


def _service_credentials(settings: MigrateSettings) -> Credentials:
    """The service's credentials, of which only the user name counts with SERVICE_ROLE_URL_FILE."""
    try:
        if settings.service_role_dir is not None:
            return read_directory(settings.service_role_dir)
        if settings.service_role_url_file is not None:
            return read_url_file(settings.service_role_url_file)
    except (OSError, ValueError):
        raise MigrationError("The name of the service's role cannot be read.") from None
    raise AssertionError  # excluded by the settings' own check


async def _prepare_service(
    connection: Any, settings: MigrateSettings, service: Credentials
) -> None:
    async with connection.transaction():
        if settings.service_role_dir is not None:
            await service_role.ensure_role(connection, service, secrets.token_bytes(_SALT_BYTES))
        await service_role.grant(connection, service.username)


async def _prepare_tenants(
    connection: Any, wanted: list[WantedTenant], passwords: Path | None
) -> None:
    for tenant in wanted:
        if await ensure(connection, tenant, passwords):
            logger.info("tenant created", extra={"tenant": tenant.name})


def _write(path: Path | None, message: dict[str, object]) -> None:
    """The default path exists in a pod only."""
    target = path or _TERMINATION_LOG
    if path is None and not target.exists():
        return
    try:
        target.write_bytes(orjson.dumps(message))
    except OSError as error:
        logger.warning("no termination message: %s", type(error).__name__)
