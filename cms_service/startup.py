"""What has to be true before a pod serves, besides the database's role, which each new user is
asked for. It is asked until it is, and never again: a database that goes away later must not take
the pods out of service, they have a cache to serve from.
"""

import asyncio
import logging

import asyncpg

from cms_service.core.errors import Unavailable
from cms_service.core.lifecycle import Lifecycle
from cms_service.core.postgres.database import Database
from cms_service.migrations.files import latest_version

logger = logging.getLogger(__name__)

_FIRST_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 5.0

_VERSION = """
SELECT coalesce(max(version), 0), coalesce(max(oldest_readable), 0) FROM cms.schema_migrations
"""


async def check_until_ready(database: Database, lifecycle: Lifecycle) -> None:
    pause = _FIRST_PAUSE_SECONDS
    while (blocker := await _check(database, lifecycle)) is not None:
        if blocker != lifecycle.blocker:
            logger.error("not ready: %s", blocker)
        lifecycle.blocker = blocker
        await asyncio.sleep(pause)
        pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)
    lifecycle.blocker = None
    logger.info("ready", extra={"schemaVersion": lifecycle.schema_version})


async def _check(database: Database, lifecycle: Lifecycle) -> str | None:
    """Why the pod may not serve, if so."""
    try:
        version, oldest_readable = (await database.fetch("startup.version", _VERSION))[0]
    except Unavailable as error:
        return database.objection or error.detail
    except asyncpg.PostgresError as error:
        return f"the database refuses the first check: {error}"
    lifecycle.schema_version = version
    if version < latest_version():
        return f"the schema is at version {version}, this release needs {latest_version()}"
    if oldest_readable > latest_version():
        return (
            f"the schema works with releases made for version {oldest_readable} or newer, this one"
            f" was made for {latest_version()}"
        )
    return None
