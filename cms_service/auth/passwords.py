"""Argon2id, in a few threads: a hash costs 19 MiB and some 30 ms, which must not stop the event
loop.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar
from uuid import UUID

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from cms_service.auth.turns import Turns
from cms_service.core.errors import Unavailable
from cms_service.core.telemetry.metrics import Metrics

# The second recommendation of OWASP's password storage cheat sheet.
_HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
_THREADS = 2
_MAX_WAITING = 48

Result = TypeVar("Result")


class Passwords:
    """Hashes and compares passwords. The id of a tenant that is not there is None: names that are
    made up share one turn.
    """

    def __init__(self, metrics: Metrics) -> None:
        self._executor = ThreadPoolExecutor(_THREADS, thread_name_prefix="argon2")
        self._running = 0
        self._turns = Turns[asyncio.Future[bool]](_MAX_WAITING)
        self._rejected = metrics.argon2_rejected
        metrics.argon2_threads.set(_THREADS)
        metrics.argon2_running.set_function(lambda: self._running)
        metrics.argon2_waiting.set_function(lambda: len(self._turns))
        # Compared with where no user is found, so that the time tells nothing about who exists.
        self._nobody = hash_password("nobody has this password")

    async def hash(self, tenant_id: UUID, password: str) -> str:
        """Raises Unavailable."""
        return await self._run(tenant_id, hash_password, password)

    async def verify(self, tenant_id: UUID | None, password: str, stored: str | None) -> bool:
        """`stored` is None where there is no such user. Raises Unavailable."""
        matches = await self._run(tenant_id, _matches, password, stored or self._nobody)
        return matches and stored is not None

    def close(self) -> None:
        self._executor.shutdown(cancel_futures=True)

    async def _run(self, tenant_id: UUID | None, work: Callable[..., Result], *args: str) -> Result:
        await self._enter(tenant_id)
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._executor, work, *args)
        finally:
            self._leave()

    async def _enter(self, tenant_id: UUID | None) -> None:
        if self._running < _THREADS:
            self._running += 1
            return
        place: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        if (refused := self._turns.add(tenant_id, place)) is not None:
            self._rejected.inc()
            _answer(refused, works=False)
        try:
            works = await place
        except asyncio.CancelledError:
            self._turns.remove(tenant_id, place)
            if place.done() and not place.cancelled() and place.result():
                self._leave()
            raise
        if not works:
            raise Unavailable("Too many log-ins at once.")

    def _leave(self) -> None:
        """What waits works on in this one's place."""
        while (place := self._turns.next()) is not None:
            if _answer(place, works=True):
                return
        self._running -= 1


def _answer(place: asyncio.Future[bool], *, works: bool) -> bool:
    """False where nobody waits for it any more."""
    if place.done():
        return False
    place.set_result(works)
    return True


def hash_password(password: str) -> str:
    return _HASHER.hash(password)


def _matches(password: str, stored: str) -> bool:
    try:
        return _HASHER.verify(stored, password)
    except (VerificationError, InvalidHashError):
        return False
