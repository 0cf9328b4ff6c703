"""Is everything there that the service uses?"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from cms_service.core.errors import Unavailable
from cms_service.core.postgres.database import Database
from cms_service.core.redis.store import RedisAwayError, RedisStore
from cms_service.health.schemas import Check, Checks, Health

logger = logging.getLogger(__name__)

_CHECK_SECONDS = 2.0
# /health is public: however often it is asked, the database is asked once a second.
_KEEP_SECONDS = 1.0
# Without requests nothing else would notice that a database is away or back.
_LOOK_SECONDS = 5.0


class HealthService:
    def __init__(self, database: Database, redis: RedisStore) -> None:
        self._database = database
        self._redis = redis
        self._lock = asyncio.Lock()
        self._last: Health | None = None
        self._checked_at = float("-inf")

    async def check(self) -> Health:
        async with self._lock:
            if self._last is None or time.monotonic() - self._checked_at > _KEEP_SECONDS:
                self._last = await self._check()
                self._checked_at = time.monotonic()
            return self._last

    async def look_forever(self) -> None:
        """Keep the metrics of the database and of Redis true where nobody uses them."""
        while True:
            try:
                await self.check()
            except Exception:
                logger.exception("could not look at the health")
            await asyncio.sleep(_LOOK_SECONDS)

    async def _check(self) -> Health:
        database, redis = await asyncio.gather(
            _status(lambda: self._database.fetch("health", "SELECT 1")),
            _status(self._redis.ping),
        )
        everything = database.status == redis.status == "ok"
        return Health(
            status="ok" if everything else "degraded",
            timestamp=datetime.now(UTC),
            checks=Checks(database=database, redis=redis),
        )


async def _status(check: Callable[[], Awaitable[object]]) -> Check:
    try:
        await asyncio.wait_for(check(), _CHECK_SECONDS)
    except (Unavailable, RedisAwayError, TimeoutError):
        return Check(status="error")  # why is in the log: an error's text would show addresses
    return Check(status="ok")
