"""The delivery API: a small ASGI application of its own, for it answers most requests by far and
the management API's framework would cost it more than all of its own work.
"""

import re
from typing import NamedTuple

from cms_service.auth.actor import Actor
from cms_service.auth.gate import Gate
from cms_service.auth.permissions import Permission, Resource
from cms_service.auth.tokens import Identity
from cms_service.content_types.names import TYPE_NAME_PATTERN
from cms_service.core.endpoints import if_none_match
from cms_service.core.endpoints.generation import GENERATION_HEADER, parse_generation
from cms_service.core.errors import BadRequest, MethodNotAllowed, NotFound, Problem
from cms_service.core.http.asgi import (
    ROUTE,
    TENANT,
    Receive,
    Scope,
    Send,
    send_problem,
    send_response,
)
from cms_service.core.rate_limiting.rate_limits import RateLimits
from cms_service.delivery.headers import METHODS, AnswerHeaders, Header
from cms_service.delivery.query.grammar import Query, parse_entry_query, parse_list_query
from cms_service.delivery.repository import TypesChangedError
from cms_service.delivery.routes import ENTRY_ROUTE, LIST_ROUTE, PREFIX, SLUG_OR_ID_PATTERN
from cms_service.delivery.service import Answer, DeliveryService, Source, entry_key, list_key
from cms_service.tenants.directory import TenantDirectory
from cms_service.tenants.schemas import TENANT_NAME_PATTERN, DeliveryAccess, TenantState

_PATH = re.compile(
    rf"{PREFIX}({TENANT_NAME_PATTERN[1:-1]})/({TYPE_NAME_PATTERN[1:-1]})"
    rf"(?:/({SLUG_OR_ID_PATTERN[1:-1]}))?"
)
# How often an answer is begun in all while types change.
_ATTEMPTS = 3
_JSON = (b"content-type", b"application/json")
_NOT_TO_BE_STORED = (b"cache-control", b"no-store")
_GENERATION_HEADER = GENERATION_HEADER.lower().encode()
_CACHE_STATUS = {
    Source.HIT: (b"cache-status", b"headlesscms; hit"),
    Source.MISS: (b"cache-status", b"headlesscms; fwd=miss"),
    Source.STALE: (b"cache-status", b"headlesscms; hit; detail=stale"),
}


class _Headers(NamedTuple):
    """The request headers that delivery reads."""

    authorization: str | None = None
    api_key: str | None = None
    if_none_match: bytes | None = None
    min_generation: int = 0
    origin: bytes | None = None


class DeliveryApp:
    def __init__(
        self,
        directory: TenantDirectory,
        gate: Gate,
        limits: RateLimits,
        service: DeliveryService,
        answer_headers: AnswerHeaders,
    ) -> None:
        self._directory = directory
        self._gate = gate
        self._limits = limits
        self._service = service
        self._answer_headers = answer_headers

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        headers = _Headers()
        try:
            headers = _read(scope["headers"])
            await self._answer(scope, headers, send)
        except Problem as problem:
            cors = self._answer_headers.cors.answer(headers.origin)
            await send_problem(problem, send, (_NOT_TO_BE_STORED, *cors))

    async def _answer(self, scope: Scope, headers: _Headers, send: Send) -> None:
        """Answer by the definitions that the content has: where those known are older, they are
        read anew.
        """
        for _ in range(_ATTEMPTS - 1):
            try:
                return await self._answer_as_known(scope, headers, send)
            except TypesChangedError as changed:
                newer = max(headers.min_generation, changed.generation)
                headers = headers._replace(min_generation=newer)
        return await self._answer_as_known(scope, headers, send)

    async def _answer_as_known(self, scope: Scope, headers: _Headers, send: Send) -> None:
        path = _PATH.fullmatch(scope["path"])
        if path is None:
            raise NotFound("Delivery has /v1/delivery/{tenant}/{type}[/{slug or id}].")
        tenant_name, type_name, slug_or_id = path[1], path[3], path[4]
        scope[ROUTE] = LIST_ROUTE if slug_or_id is None else ENTRY_ROUTE
        if scope["method"] == "OPTIONS":
            await _send(send, 204, [*self._answer_headers.cors.preflight(headers.origin)])
            return
        if scope["method"] not in {"GET", "HEAD"}:
            raise MethodNotAllowed("Delivery only reads.", headers={"Allow": METHODS})
        lookup = await self._directory.look_up(tenant_name, headers.min_generation)
        tenant, actor = lookup.state, None
        if tenant is None or tenant.delivery_access is DeliveryAccess.PRIVATE:
            tenant, actor = await self._admit(tenant_name, tenant, type_name, headers)
        scope[TENANT] = tenant.name
        await self._limits.admit(scope, tenant.id, actor.principal_id if actor else None)
        if slug_or_id is None:
            query = parse_list_query(scope["query_string"])
            key = list_key(tenant, type_name, query)
        else:
            query = parse_entry_query(scope["query_string"])
            key = entry_key(tenant, type_name, slug_or_id, query)
        if actor is not None and query.expand:
            await self._check_expanded(actor, tenant, type_name, query)
        body = self._service.at_hand(lookup, key)
        if body is not None:
            answer = Answer(body, Source.STALE if lookup.stale else Source.HIT)
        elif slug_or_id is None:
            answer = await self._service.page(tenant, type_name, query, headers.min_generation)
        else:
            answer = await self._service.entry(
                tenant, type_name, slug_or_id, query, headers.min_generation
            )
        await self._send(send, answer, tenant, headers)

    async def _send(
        self, send: Send, answer: Answer, tenant: TenantState, headers: _Headers
    ) -> None:
        fields = self._answer_headers.of(answer.body, tenant.delivery_access, headers.origin)
        fields.append(_CACHE_STATUS[answer.source])
        if if_none_match.holds(headers.if_none_match, answer.body.etag):
            await _send(send, 304, fields)
            return
        fields.append(_JSON)
        await send_response(send, 200, fields, answer.body.content)

    async def _admit(
        self, tenant_name: str, tenant: TenantState | None, type_name: str, headers: _Headers
    ) -> tuple[TenantState, Actor]:
        """The tenant, and who reads. A tenant that nobody has is told from a private one by
        nothing.
        """
        credentials = self._gate.identify(headers.authorization, headers.api_key)
        if isinstance(credentials, Identity):
            credentials.check_tenant(tenant_name)
        actor = await self._gate.admit(credentials, tenant)
        actor.check(Permission.READ_DELIVERY, Resource(content_type=type_name))
        if tenant is None:  # refused by the gate
            raise AssertionError
        return tenant, actor

    async def _check_expanded(
        self, actor: Actor, tenant: TenantState, type_name: str, query: Query
    ) -> None:
        """Check every type that expansion may show before the cache is asked: the cache answers
        whoever may read all of it.
        """
        for name in await self._service.types_shown(tenant, type_name, query):
            actor.check(Permission.READ_DELIVERY, Resource(content_type=name))


def _read(headers: list[tuple[bytes, bytes]]) -> _Headers:
    authorization, api_key, if_none_match, min_generation, origin = None, None, None, 0, None
    for name, value in headers:
        if name == b"authorization":
            authorization = value.decode("latin-1")
        elif name == b"x-api-key":
            api_key = value.decode("latin-1")
        elif name == b"if-none-match":
            if_none_match = value if if_none_match is None else if_none_match + b"," + value
        elif name == b"origin":
            origin = value
        elif name == _GENERATION_HEADER:
            try:
                min_generation = parse_generation(value)
            except ValueError as error:
                raise BadRequest(f"{error}.") from None
    return _Headers(authorization, api_key, if_none_match, min_generation, origin)


async def _send(send: Send, status: int, headers: list[Header]) -> None:
    """Send an answer without a body."""
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b""})
