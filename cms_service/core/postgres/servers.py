"""The servers that a URL names, of which one will do. Each is given its part of the time: one that
drops packets leaves some to the others. The one that did is asked first from then on.
"""

from typing import Any

import asyncpg

from cms_service.core.credentials.sources import Credentials
from cms_service.core.postgres.pool import Connection
from cms_service.core.postgres.watched import WatchedConnection
from cms_service.core.settings.database_url import DatabaseUrl

# Another one may do, then.
_TRY_ANOTHER = (OSError, asyncpg.CannotConnectNowError, asyncpg.TargetServerAttributeNotMatched)

_Try = tuple[str, str | None]


class Servers:
    """`target`: as in target_session_attrs."""

    def __init__(self, url: DatabaseUrl, target: str | None) -> None:
        several = len(url.servers) > 1
        # asyncpg compares those that it reaches, which it is not given here.
        self._wanted = ("standby", "any") if several and target == "prefer-standby" else (target,)
        self._tries = [(server, wanted) for wanted in self._wanted for server in url.servers]

    async def connect(self, credentials: Credentials, seconds: float, **options: Any) -> Connection:
        """`seconds` are for all of them. Raises what asyncpg raises."""
        *others, last = tuple(self._tries)
        share = seconds / len(self._tries)
        for each in others:
            try:
                return await self._connect(each, credentials, share, options)
            except _TRY_ANOTHER:
                continue
        return await self._connect(last, credentials, share, options)

    async def _connect(
        self, each: _Try, credentials: Credentials, seconds: float, options: dict[str, Any]
    ) -> Connection:
        server, target = each
        connection = await asyncpg.connect(
            server,
            connection_class=WatchedConnection,
            user=credentials.username,
            password=credentials.password,
            timeout=seconds,
            target_session_attrs=target,  # type: ignore[arg-type]  # a text will do
            **options,
        )
        self._tries.sort(key=lambda one: (self._wanted.index(one[1]), one[0] != server))
        return connection
