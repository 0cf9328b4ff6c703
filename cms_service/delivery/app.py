"""The delivery API: a small ASGI application of its own, for it answers most requests by far and
the management API's framework would cost it more than all of its own work.
"""

import re
from dataclasses import dataclass
from uuid import UUID

from cms_service.auth.gate import Gate
from cms_service.auth.permissions import Permission, Resource
from cms_service.auth.tokens import Identity
from cms_service.content_types.names import TYPE_NAME_PATTERN
from cms_service.core.cache import Body
from cms_service.core.cursor import Cursor
from cms_service.core.errors import BadRequest, MethodNotAllowed, NotFound
from cms_service.core.generation import GENERATION_HEADER, parse_generation
from cms_service.core.http import ROUTE, Receive, Scope, Send, send_response
from cms_service.core.paging import MAX_LIMIT
from cms_service.core.rate_limits import RateLimits
from cms_service.core.strict_route import check_query
from cms_service.delivery.service import DeliveryService
from cms_service.tenants.directory import TenantDirectory
from cms_service.tenants.schemas import TENANT_NAME_PATTERN, DeliveryAccess, TenantState

PREFIX = "/v1/delivery/"
ENTRY_ROUTE = PREFIX + "{tenant}/{type_name}/{slug_or_id}"
LIST_ROUTE = PREFIX + "{tenant}/{type_name}"

_PATH = re.compile(
    rf"{PREFIX}({TENANT_NAME_PATTERN[1:-1]})/({TYPE_NAME_PATTERN[1:-1]})(?:/([a-z0-9-]{{1,200}}))?"
)
_LIMIT = re.compile(r"[1-9][0-9]{0,2}")
_DEFAULT_LIMIT = 20
_NO_PARAMETERS: frozenset[str] = frozenset()
_LIST_PARAMETERS = frozenset({"limit", "cursor"})
_JSON = (b"content-type", b"application/json")
_GENERATION_HEADER = GENERATION_HEADER.lower().encode()
# Caches may keep an answer but must ask whether it is still right: the ETag makes that cheap.
_CACHE_CONTROL = {
    DeliveryAccess.PUBLIC: (b"cache-control", b"public, no-cache"),
    DeliveryAccess.PRIVATE: (b"cache-control", b"private, no-cache"),
}
_HIT = (b"cache-status", b"headlesscms; hit")
_MISS = (b"cache-status", b"headlesscms; fwd=miss")
_STALE = (b"cache-status", b"headlesscms; hit; detail=stale")


@dataclass(frozen=True, slots=True)
class _Headers:
    """Those that matter here."""

    authorization: str | None = None
    api_key: str | None = None
    if_none_match: bytes | None = None
    min_generation: int = 0


class DeliveryApp:
    def __init__(
        self,
        directory: TenantDirectory,
        gate: Gate,
        limits: RateLimits,
        service: DeliveryService,
    ) -> None:
        self._directory = directory
        self._gate = gate
        self._limits = limits
        self._service = service

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """Raises a Problem, which the layer around it answers with."""
        path = _PATH.fullmatch(scope["path"])
        if path is None:
            raise NotFound("Delivery has /v1/delivery/{tenant}/{type}[/{slug or id}].")
        tenant_name, type_name, slug_or_id = path[1], path[3], path[4]
        scope[ROUTE] = LIST_ROUTE if slug_or_id is None else ENTRY_ROUTE
        if scope["method"] not in {"GET", "HEAD"}:
            raise MethodNotAllowed("Delivery only reads.", headers={"Allow": "GET, HEAD"})
        headers = _read(scope["headers"])
        lookup = await self._directory.look_up(tenant_name, headers.min_generation)
        state, client_id = lookup.state, None
        if state is None or state.delivery_access is DeliveryAccess.PRIVATE:
            state, client_id = await self._admit(tenant_name, state, type_name, headers)
        await self._limits.admit(scope, state.id, client_id)
        if slug_or_id is None:
            limit, after = _page_of(scope["query_string"])
            body, at_hand = await self._service.page(state, type_name, limit, after)
        else:
            check_query(scope["query_string"], _NO_PARAMETERS)
            body, at_hand = await self._service.entry(state, type_name, slug_or_id)
        if body is None:
            raise NotFound("There is nothing published here.")
        cache_status = _STALE if lookup.stale else _HIT if at_hand else _MISS
        await _answer(send, body, state.delivery_access, cache_status, headers.if_none_match)

    async def _admit(
        self, tenant_name: str, tenant: TenantState | None, type_name: str, headers: _Headers
    ) -> tuple[TenantState, UUID]:
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
        return tenant, actor.principal_id


def _read(headers: list[tuple[bytes, bytes]]) -> _Headers:
    authorization, api_key, if_none_match, min_generation = None, None, None, 0
    for name, value in headers:
        if name == b"authorization":
            authorization = value.decode("latin-1")
        elif name == b"x-api-key":
            api_key = value.decode("latin-1")
        elif name == b"if-none-match":
            if_none_match = value if if_none_match is None else if_none_match + b"," + value
        elif name == _GENERATION_HEADER:
            try:
                min_generation = parse_generation(value)
            except ValueError as error:
                raise BadRequest(f"{error}.") from None
    return _Headers(authorization, api_key, if_none_match, min_generation)


def _page_of(query: bytes) -> tuple[int, Cursor | None]:
    parameters = check_query(query, _LIST_PARAMETERS)
    limit = parameters.get("limit", str(_DEFAULT_LIMIT))
    if _LIMIT.fullmatch(limit) is None or int(limit) > MAX_LIMIT:
        raise BadRequest(f"limit must be a whole number, 1 to {MAX_LIMIT}.")
    try:
        cursor = parameters.get("cursor")
        return int(limit), None if cursor is None else Cursor.decode(cursor)
    except ValueError as error:
        raise BadRequest(f"The cursor is {error}.") from None


async def _answer(
    send: Send,
    body: Body,
    access: DeliveryAccess,
    cache_status: tuple[bytes, bytes],
    if_none_match: bytes | None,
) -> None:
    headers = [(b"etag", body.etag), _CACHE_CONTROL[access], cache_status]
    if if_none_match is not None and _matches(if_none_match, body.etag):
        await send({"type": "http.response.start", "status": 304, "headers": headers})
        await send({"type": "http.response.body", "body": b""})
        return
    headers.append(_JSON)
    await send_response(send, 200, headers, body.content)


def _matches(if_none_match: bytes, etag: bytes) -> bool:
    """RFC 9110, 13.1.2: weak comparison."""
    tags = (tag.strip().removeprefix(b"W/") for tag in if_none_match.split(b","))
    return any(tag in (etag, b"*") for tag in tags)
