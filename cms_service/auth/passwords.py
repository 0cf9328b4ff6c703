"""Argon2id, in a few threads: a hash costs 19 MiB and some 30 ms, which must not stop the event
loop.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from cms_service.core.errors import Unavailable
from cms_service.core.metrics import Metrics

# The second recommendation of OWASP's password storage cheat sheet.
_HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
_THREADS = 2
_MAX_ASKED = 50  # at work and waiting

Result = TypeVar("Result")


class Passwords:
    def __init__(self, metrics: Metrics) -> None:
        self._executor = ThreadPoolExecutor(_THREADS, thread_name_prefix="argon2")
        self._asked = 0
        self._rejected = metrics.argon2_rejected
        metrics.argon2_threads.set(_THREADS)
        metrics.argon2_running.set_function(lambda: min(self._asked, _THREADS))
        metrics.argon2_waiting.set_function(lambda: max(self._asked - _THREADS, 0))
        # Compared with where no user is found, so that the time tells nothing about who exists.
        self._nobody = hash_password("nobody has this password")

    async def hash(self, password: str) -> str:
        return await self._run(hash_password, password)

    async def verify(self, password: str, stored: str | None) -> bool:
        """`stored` is None where there is no such user."""
        matches = await self._run(_matches, password, stored or self._nobody)
        return matches and stored is not None

    def close(self) -> None:
        self._executor.shutdown(cancel_futures=True)

    async def _run(self, work: Callable[..., Result], *args: str) -> Result:
        if self._asked >= _MAX_ASKED:
            self._rejected.inc()
            raise Unavailable("Too many log-ins at once.")
        self._asked += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._executor, work, *args)
        finally:
            self._asked -= 1


def hash_password(password: str) -> str:
    return _HASHER.hash(password)


def _matches(password: str, stored: str) -> bool:
    try:
        return _HASHER.verify(stored, password)
    except (VerificationError, InvalidHashError):
        return False
