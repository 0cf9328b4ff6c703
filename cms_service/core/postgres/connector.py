"""Connections of users that were proven.

What the Secret comes to say may be wrong, too powerful, or too early: a new user has its rights
from a migration that is still to come. Until it passes, the last one that did goes on.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable

import asyncpg

from cms_service.core.credentials.sources import Credentials, CredentialSource
from cms_service.core.postgres.pool import Connection
from cms_service.core.postgres.role import objection_to

logger = logging.getLogger(__name__)

# Between two tries of what was refused: each is a failed log-in in the server's log.
_FIRST_PAUSE_SECONDS = 1.0
_LONGEST_PAUSE_SECONDS = 10.0

_NOT_NOW = (
    OSError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)


class RoleRefusedError(Exception):
    """The role may not serve."""


class Connector:
    """`note_refused` is told 1 while others are offered that may not serve, else 0; `replaced` is
    called where others than before have passed: their connections may be given up.
    """

    def __init__(
        self,
        name: str,
        source: CredentialSource,
        log_in: Callable[[Credentials], Awaitable[Connection]],
        note_refused: Callable[[float], None],
        replaced: Callable[[], None],
    ) -> None:
        self.objection: str | None = None  # to the role that was tried last
        self._name = name
        self._source = source
        self._log_in = log_in
        self._note_refused = note_refused
        self._replaced = replaced
        self._proven: Credentials | None = None
        self._refused: Credentials | None = None
        self._told = ""
        self._pause = _FIRST_PAUSE_SECONDS
        self._try_again_at = float("-inf")

    async def connect(self) -> Connection:
        """Raises RoleRefusedError, CredentialsUnavailableError, and what connecting raises."""
        proven = self._proven
        if proven is None:
            return await self._prove(self._source.current())
        try:
            return await self._log_in(proven)
        except asyncpg.PostgresError:  # revoked, perhaps, in favour of others
            offered = self._source.current()
            if offered == proven:
                raise
            return await self._prove(offered)

    async def renew(self) -> None:
        """Takes what is offered, where that passes. Before a first connection there is nothing to
        renew.
        """
        if self._proven is None:
            return
        offered = self._source.current()
        if offered == self._proven:
            self._settle()
        elif offered != self._refused or _now() >= self._try_again_at:
            try:
                connection = await self._prove(offered)
            except (RoleRefusedError, *_NOT_NOW):
                return
            connection.terminate()

    async def _prove(self, offered: Credentials) -> Connection:
        try:
            connection = await self._log_in(offered)
            self.objection = await _asked(connection)
        except asyncpg.PostgresError as error:
            if self._proven is not None:  # else it is told as the database's being away
                self._refuse(offered, type(error).__name__)
            raise
        if self.objection is not None:
            connection.terminate()
            self._refuse(offered, self.objection)
            raise RoleRefusedError(self.objection)
        self._take(offered)
        return connection

    def _take(self, offered: Credentials) -> None:
        before, self._proven = self._proven, offered
        self._settle()
        if before is not None and before != offered:
            logger.info("database credentials were renewed", extra={"database": self._name})
            self._replaced()

    def _settle(self) -> None:
        self.objection = self._refused = None
        self._told = ""
        self._pause = _FIRST_PAUSE_SECONDS
        self._note_refused(0)

    def _refuse(self, offered: Credentials, reason: str) -> None:
        """Told once, not for each try."""
        again = offered == self._refused
        self._pause = (
            min(self._pause * 2, _LONGEST_PAUSE_SECONDS) if again else _FIRST_PAUSE_SECONDS
        )
        self._try_again_at = _now() + self._pause
        self._refused = offered
        self._note_refused(1)
        if reason != self._told:
            self._told = reason
            logger.warning(
                "database credentials are not taken: %s", reason, extra={"database": self._name}
            )


async def _asked(connection: Connection) -> str | None:
    """The objection to its role, if any."""
    try:
        return await objection_to(connection)
    except BaseException:
        connection.terminate()
        raise


def _now() -> float:
    return asyncio.get_running_loop().time()
