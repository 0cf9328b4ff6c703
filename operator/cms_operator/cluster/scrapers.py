"""Who may read /metrics: whom the API server knows by a bearer token and allows to GET it.

It asks with a TokenReview and a SubjectAccessReview, as kube-rbac-proxy does.
"""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from cms_operator.cluster.transport.api_error import FAILURES
from cms_operator.cluster.transport.client import KubernetesClient

PATH = "/metrics"
ALLOWED_SECONDS = 60.0
REFUSED_SECONDS = 10.0
MOST_REMEMBERED = 256
AT_ONCE = 2
MOST_WAITING = 8
_LONGEST_TOKEN = 16 * 1024
_SCHEME = "Bearer "
_TOKENS = "/apis/authentication.k8s.io/v1/tokenreviews"
_ACCESS = "/apis/authorization.k8s.io/v1/subjectaccessreviews"

Verdict = HTTPStatus
Review = Callable[[str], Awaitable[Verdict]]


def reviewer(client: KubernetesClient) -> Review:
    """Asks the API server about a token: OK, UNAUTHORIZED or FORBIDDEN. Raises what it raises."""

    async def review(token: str) -> Verdict:
        asked = {"spec": {"token": token}}
        known: Any = (await client.request("POST", _TOKENS, body=asked)).get("status") or {}
        if not known.get("authenticated"):
            return HTTPStatus.UNAUTHORIZED
        user = {name: value for name, value in known["user"].items() if name != "username"}
        attributes = {"path": PATH, "verb": "get"}
        spec = {**user, "user": known["user"]["username"], "nonResourceAttributes": attributes}
        found: Any = await client.request("POST", _ACCESS, body={"spec": spec})
        allowed = (found.get("status") or {}).get("allowed") is True
        return HTTPStatus.OK if allowed else HTTPStatus.FORBIDDEN

    return review


@dataclass(frozen=True, slots=True)
class _Known:
    verdict: Verdict
    until: float


class _Places:
    """Room for those who are asked about at the same time, and for some who wait for that."""

    def __init__(self) -> None:
        self._free = asyncio.Semaphore(AT_ONCE)
        self._waiting = 0

    @property
    def full(self) -> bool:
        return self._waiting >= MOST_WAITING

    async def __aenter__(self) -> None:
        self._waiting += 1
        try:
            await self._free.acquire()
        except BaseException:
            self._waiting -= 1
            raise

    async def __aexit__(self, *_: object) -> None:
        self._waiting -= 1
        self._free.release()


class Gate:
    """Remembers verdicts for a while, by a hash of the token, so that strangers with tokens of
    their own invention cannot keep the API server busy, nor those out who were let in before.
    """

    def __init__(self, review: Review, clock: Callable[[], float]) -> None:
        self._review = review
        self._clock = clock
        # Who was let in last stays here when that is over, to be told from a stranger.
        self._allowed: dict[bytes, _Known] = {}
        self._refused: dict[bytes, _Known] = {}
        self._of_known, self._of_strangers = _Places(), _Places()

    async def verdict(self, header: str) -> Verdict:
        """Judge a header Authorization; SERVICE_UNAVAILABLE where nobody can be asked now."""
        token = header.removeprefix(_SCHEME)
        if token == header or not 0 < len(token) <= _LONGEST_TOKEN or not token.isascii():
            return HTTPStatus.UNAUTHORIZED
        name = hashlib.sha256(token.encode()).digest()
        known = self._allowed.get(name) or self._refused.get(name)
        if known is not None and self._clock() < known.until:
            return known.verdict
        places = self._of_known if name in self._allowed else self._of_strangers
        if places.full:
            return HTTPStatus.SERVICE_UNAVAILABLE
        try:
            async with places:
                found = await self._review(token)
        except FAILURES:
            return HTTPStatus.SERVICE_UNAVAILABLE
        self._remember(name, found)
        return found

    def _remember(self, name: bytes, verdict: Verdict) -> None:
        allowed = verdict is HTTPStatus.OK
        seconds = ALLOWED_SECONDS if allowed else REFUSED_SECONDS
        self._allowed.pop(name, None)
        self._refused.pop(name, None)
        kept = self._allowed if allowed else self._refused
        while len(kept) >= MOST_REMEMBERED:
            del kept[next(iter(kept))]
        kept[name] = _Known(verdict, self._clock() + seconds)


def middleware(gate: Gate) -> Middleware:
    """Guards /metrics alone: the kubelet's probes have no token."""

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path != PATH:
            return await handler(request)
        found = await gate.verdict(request.headers.get("Authorization", ""))
        if found is HTTPStatus.OK:
            return await handler(request)
        headers = {"WWW-Authenticate": "Bearer"} if found is HTTPStatus.UNAUTHORIZED else {}
        return web.Response(status=found, text=found.phrase, headers=headers)

    return guard
