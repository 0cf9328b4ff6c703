"""A write that names itself by an Idempotency-Key is done once, however often it is sent (the
IETF's draft-ietf-httpapi-idempotency-key-header).

The key and the answer are written in the transaction of the write itself. So a pod that dies in
between leaves neither, and a second request waits for the first one, on whatever pod that is.
What was refused has changed nothing: its key stays free. Of answers a tenant has so many bytes and
no more; they go after a day.
"""

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from uuid import UUID

from cms_service.core.errors import Conflict, Invalid
from cms_service.core.postgres.database import Database
from cms_service.core.postgres.redone import redone
from cms_service.idempotency import repository
from cms_service.idempotency.repository import Answer, KeyInUseError, ScopedKey

_SEPARATOR = b"\0"


@dataclass(frozen=True)
class Named:
    """A request that named itself, and whose it is. There is no secret in the body."""

    tenant_id: UUID
    principal_id: UUID
    key: str
    method: str
    path: str
    query: bytes
    if_match: str
    body: bytes

    @property
    def fingerprint(self) -> bytes:
        parts = (self.method.encode(), self.path.encode(), self.query, self.if_match.encode())
        head = _SEPARATOR.join(hashlib.sha256(part).digest() for part in parts)
        return hashlib.sha256(head + hashlib.sha256(self.body).digest()).digest()


class Idempotency:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def once(
        self, request: Named, act: Callable[[], Awaitable[Answer]]
    ) -> tuple[Answer, bool]:
        """The answer, and whether it was kept from an earlier request. Raises what `act` raises,
        Conflict while the earlier request is not done, and Invalid for the key of another one.
        """
        return await redone(lambda: self._once(request, request.fingerprint, act))

    async def _once(
        self, request: Named, fingerprint: bytes, act: Callable[[], Awaitable[Answer]]
    ) -> tuple[Answer, bool]:
        key = ScopedKey(request.tenant_id, request.principal_id, request.key)
        async with self._database.transaction(request.tenant_id) as scope:
            try:
                kept = await repository.claim(scope, key, fingerprint)
            except KeyInUseError:
                raise Conflict(
                    "The request with this Idempotency-Key is not done yet.",
                    headers={"Retry-After": "1"},
                ) from None
            if kept is None:
                with scope.joined():
                    answer = await act()
                await repository.keep(scope, key, answer)
                return answer, False
        if kept.fingerprint != fingerprint:
            raise Invalid("This Idempotency-Key was used for another request: choose a new one.")
        return kept.answer, True
