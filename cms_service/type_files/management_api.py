"""The management API as a command uses it."""

import json
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import Any
from urllib.parse import quote, urlsplit

from pydantic import ValidationError

from cms_service.content_types.plans import Plan
from cms_service.content_types.schemas import NewContentType

_SECONDS = 30.0
_MAX_BYTES = 16 * 1024 * 1024
_MAX_PAGES = 1_000
_PAGE = 100
_OK = range(200, 300)


class ApiError(Exception):
    """A sentence for the user."""


class ManagementApi:
    """Follows no redirect: the token is for this host alone."""

    def __init__(self, url: str, tenant: str, token: str) -> None:
        """Raises ValueError for a URL that is none."""
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query:
            raise ValueError("must be a URL like https://cms.example.com")
        self._kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        self._host, self._port = parts.hostname, parts.port
        self._types = f"{parts.path.rstrip('/')}/v1/tenants/{quote(tenant, safe='')}/content-types"
        self._headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}

    def types(self) -> list[NewContentType]:
        found: list[NewContentType] = []
        cursor = ""
        for _ in range(_MAX_PAGES):
            page = self._ask("GET", f"?limit={_PAGE}{cursor}")
            try:
                found += [
                    NewContentType.model_validate(
                        {name: item[name] for name in ("name", "displayName", "fields")}
                    )
                    for item in page["items"]
                ]
            except (ValidationError, KeyError, TypeError):
                raise ApiError("The server's content types cannot be read.") from None
            if not page["nextCursor"]:
                break
            cursor = f"&cursor={quote(page['nextCursor'], safe='')}"
        return found

    def plan(self, name: str, definition: dict[str, Any]) -> Plan:
        try:
            return Plan.model_validate(self._ask("POST", f"/{name}/plan", definition))
        except ValidationError:
            raise ApiError("The server's plan cannot be read.") from None

    def create(self, body: dict[str, Any]) -> None:
        self._ask("POST", "", body)

    def replace(
        self, name: str, definition: dict[str, Any], version: int, acknowledge: str = ""
    ) -> None:
        query = f"?acknowledge={acknowledge}" if acknowledge else ""
        self._ask("PUT", f"/{name}{query}", definition, {"If-Match": f'"{version}"'})

    def version(self, name: str) -> int:
        version: int = self._ask("GET", f"/{name}")["version"]
        return version

    def _ask(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> Any:
        """Raises ApiError."""
        connection = self._kind(self._host, self._port, timeout=_SECONDS)
        sent = None if body is None else json.dumps(body).encode()
        extra = {} if body is None else {"Content-Type": "application/json"}
        try:
            connection.request(
                method, self._types + path, sent, self._headers | extra | (headers or {})
            )
            return _answer(connection.getresponse())
        except (OSError, HTTPException) as error:
            raise ApiError(f"{self._host} cannot be asked: {error}.") from None
        finally:
            connection.close()


def _answer(response: HTTPResponse) -> Any:
    content = response.read(_MAX_BYTES)
    try:
        answer = json.loads(content) if content else None
    except ValueError:
        answer = None
    if response.status in _OK:
        return answer
    if not isinstance(answer, dict) or "detail" not in answer:
        raise ApiError(f"The server answers {response.status}, and is no such CMS.")
    errors = [f"\n  {error['pointer']}: {error['detail']}" for error in answer.get("errors", [])]
    raise ApiError(f"{answer['detail']}{''.join(errors)}")
