"""Ready, though nobody answers where its database should be."""

import contextlib
import errno
import os
from collections.abc import Iterator
from typing import Any
from unittest import mock

from cms_service import parts, server
from cms_service.core.lifecycle import Lifecycle
from cms_service.core.postgres.database import Database


@contextlib.contextmanager
def unreachable() -> Iterator[None]:
    """The database is away for the service alone: its migration works, else the pods would never
    start.
    """
    with (
        mock.patch.object(parts, "Database", UnreachableDatabase),
        mock.patch.object(server, "check_until_ready", _pass),
    ):
        yield


class UnreachableDatabase(Database):
    async def _connect(self, *_: Any, **_pool_arguments: Any) -> Any:
        raise ConnectionRefusedError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED))


async def _pass(_database: Database, lifecycle: Lifecycle) -> None:
    lifecycle.blocker = None
