"""Who the pods are in the database, while that changes."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg
import pytest

from cms_service.core.credentials.sources import Credentials, CredentialSource
from cms_service.core.postgres.connector import Connector, RoleRefusedError
from tests.support import virtual_time

OLD, NEW = Credentials("pods", "old"), Credentials("pods-2", "hunter2")


class Connection:
    def __init__(self, user: str, powerful: bool) -> None:  # noqa: FBT001 - of a fake
        self.user = user
        self._powerful = powerful
        self.is_open = True

    async def fetchrow(self, _sql: str) -> tuple[bool, bool, bool]:
        return self._powerful, False, True

    def terminate(self) -> None:
        self.is_open = False


class Server:
    """A Secret, the roles that may log in, and what a pod does with both."""

    def __init__(self) -> None:
        self.offered = OLD
        self.may_log_in = {OLD, NEW}
        self.powerful = {NEW}
        self.tries: list[Credentials] = []
        self.made: list[Connection] = []
        self.refused = 0.0
        self.replacements = 0
        self.connector = Connector(
            "primary",
            CredentialSource(lambda: self.offered),
            self._log_in,
            self._note_refused,
            self._replaced,
        )

    async def _log_in(self, credentials: Credentials) -> Any:
        self.tries.append(credentials)
        if credentials not in self.may_log_in:
            raise asyncpg.InvalidPasswordError
        self.made.append(Connection(credentials.username, credentials in self.powerful))
        return self.made[-1]

    def _note_refused(self, refused: float) -> None:
        self.refused = refused

    def _replaced(self) -> None:
        self.replacements += 1


def scenario(act: Callable[[Server], Awaitable[None]]) -> None:
    """What happens to a pod that serves."""

    async def whole() -> None:
        server = Server()
        await server.connector.connect()
        await act(server)

    virtual_time.run(whole())


def test_what_was_refused_is_tried_more_and_more_rarely_and_told_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def act(server: Server) -> None:
        server.offered = NEW
        for _ in range(100):
            await server.connector.renew()
            await asyncio.sleep(1)
        assert 10 <= server.tries.count(NEW) <= 15
        assert server.refused
        assert not any(connection.is_open for connection in server.made[1:])
        assert (await server.connector.connect()).user == OLD.username

    scenario(act)
    (message,) = caplog.messages
    assert "superuser" in message
    assert "hunter2" not in caplog.text


def test_connections_are_given_up_once_others_have_passed_and_not_before() -> None:
    async def act(server: Server) -> None:
        server.offered = NEW
        await server.connector.renew()
        assert server.replacements == 0
        server.powerful.clear()
        await asyncio.sleep(60)
        await server.connector.renew()
        await server.connector.renew()
        assert (server.replacements, server.refused) == (1, 0)
        assert (await server.connector.connect()).user == NEW.username

    scenario(act)


def test_where_the_old_ones_are_revoked_nobody_is_let_in_by_ones_that_may_not_serve() -> None:
    async def act(server: Server) -> None:
        server.offered = NEW
        server.may_log_in = {NEW}
        with pytest.raises(RoleRefusedError):
            await server.connector.connect()
        server.powerful.clear()
        assert (await server.connector.connect()).user == NEW.username

    scenario(act)


def test_what_is_put_back_is_no_longer_refused() -> None:
    async def act(server: Server) -> None:
        server.offered = NEW
        await server.connector.renew()
        server.offered = OLD
        await server.connector.renew()
        assert (server.replacements, server.refused) == (0, 0)

    scenario(act)
