"""Requests to the API server as plain JSON."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
from kubernetes.aio import client, config
from kubernetes.aio.client.rest import RESTClientObject
from kubernetes.aio.config import incluster_config

from cms_operator.cluster.transport.answers import decode, events
from cms_operator.cluster.transport.api_error import ApiError
from cms_operator.cluster.transport.connector import connector
from cms_operator.cluster.transport.fence import READS, Fence
from cms_operator.cluster.transport.pace import Pace
from cms_operator.cluster.transport.token_file import TokenFile
from cms_operator.observability.measuring import api_request, count_refusal

FIELD_MANAGER = "headlesscms-operator"
APPLY = "application/apply-patch+yaml"
JSON = "application/json"
MERGE = "application/merge-patch+json"
REQUEST_SECONDS = 30
# A server that drops packets refuses nothing, and the kernel would go on for two minutes, in which
# it asks less and less often.
CONNECT_SECONDS = 10
# The server sends a bookmark each minute, but not while nothing has been written. So it is asked to
# end each watch before long, and a connection that is silent for longer is dead.
WATCH_SECONDS = 120
SILENCE_SECONDS = 150
READ_AHEAD = 2**16
TRIES_OF_A_BUSY_SERVER = 3


class _Rest(RESTClientObject):
    def _create_connector(self) -> aiohttp.TCPConnector:  # noqa: TID251 - its type alone
        return connector(limit=self.maxsize, ssl=self.ssl_context)


class KubernetesClient:
    """A thin client over the transport and the credentials of kubernetes.aio.

    With a fence, a write that it does not let out raises NotLeadingError.
    """

    def __init__(
        self, api: client.ApiClient, pace: Pace | None = None, fence: Fence | None = None
    ) -> None:
        self._api = api
        api.rest_client = _Rest(api.configuration)
        self._pace = pace or Pace(0, time.monotonic)
        self._fence = fence

    @classmethod
    async def connect(
        cls,
        connections: int,
        pace: Pace | None = None,
        fence: Fence | None = None,
        identity: str = "",
    ) -> "KubernetesClient":
        """Use the pod's service account, or else the kubeconfig of the user.

        The audit log shows `identity`. Raises kubernetes.aio.config.ConfigException when there is
        neither.
        """
        configuration = client.Configuration()
        try:
            config.load_incluster_config(configuration, try_refresh_token=False)
            token = TokenFile(Path(incluster_config.SERVICE_TOKEN_FILENAME))
            configuration.refresh_api_key_hook = token.refresh  # type: ignore[assignment]
        except config.ConfigException:
            await config.load_kube_config(client_configuration=configuration)
        configuration.connection_pool_maxsize = connections
        configuration.proxy = configuration.proxy or proxy_of(configuration.host)
        configuration.client_session_kwargs = {
            # Else aiohttp looks for a proxy and into a netrc file, on threads, at each request.
            "trust_env": False,
            # What waits to be read stays with the server: there are many watches.
            "read_bufsize": READ_AHEAD,
        }
        if fence is not None:
            configuration.trace_configs = [fence.at_the_socket()]
        api = client.ApiClient(configuration)
        api.user_agent = f"{FIELD_MANAGER}/{identity}" if identity else FIELD_MANAGER
        return cls(api, pace, fence)

    async def close(self) -> None:
        await self._api.close()

    async def request(  # noqa: PLR0913  - the parts of one HTTP request
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        content_type: str = JSON,
        seconds: float = REQUEST_SECONDS,
        tries: int = TRIES_OF_A_BUSY_SERVER,
    ) -> Any:
        """Send one request and return the decoded answer.

        A busy server that says when to ask again has done nothing yet, and is asked so often.
        `seconds` are for each time. Raises ApiError for an answer that is not 2xx,
        aiohttp.ClientError or TimeoutError where there is none.
        """
        for _ in range(tries - 1):
            try:
                return await self._once(method, path, query, body, content_type, seconds)
            except ApiError as error:
                if error.patience is None:
                    raise
                await asyncio.sleep(error.patience)
        return await self._once(method, path, query, body, content_type, seconds)

    async def _once(  # noqa: PLR0913, PLR0917  - the parts of one HTTP request
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None,
        body: Any,
        content_type: str,
        seconds: float,
    ) -> Any:
        if wait := self._pace.take():
            await asyncio.sleep(wait)
        with (
            self._allowed(method, seconds) as left,
            _within(left),
            api_request(method, urlsplit(path).path) as answer,
        ):
            limits = aiohttp.ClientTimeout(total=left, ceil_threshold=REQUEST_SECONDS)
            if left < REQUEST_SECONDS:
                # The server gives up when we do, even if we cannot close the connection.
                query = {**(query or {}), "timeout": f"{max(1, int(left))}s"}
            response = await self._send(method, path, query, body, content_type, limits)
            answer.status = response.status
            try:
                return decode(response, await response.read())
            except ApiError as error:
                answer.lacks_a_right = error.lacks_a_right
                raise

    @contextmanager
    def _allowed(self, method: str, seconds: float) -> Iterator[float]:
        """Let a request past the fence; gives the seconds it may take. Raises NotLeadingError."""
        if self._fence is None or method in READS:
            yield seconds
        else:
            with self._fence.writing() as left:
                yield min(seconds, left)

    async def watch(self, path: str, query: Mapping[str, str]) -> AsyncIterator[dict[str, Any]]:
        """Yield the events of a watch until the server ends it, within two minutes.

        Raises ApiError, for an event of the type ERROR too, and what `request` raises.
        """
        asked = {
            **query,
            "watch": "true",
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(WATCH_SECONDS),
        }
        response = await self._begin(path, asked)
        try:
            if response.status != HTTPStatus.OK:
                count_refusal(f"{path}?watch=true", response.status)
                decode(response, await response.read())
            async for event in events(response.content):
                yield event
        finally:
            response.close()

    async def get(self, path: str, seconds: float | None) -> aiohttp.ClientResponse:
        """The answer to a GET as it is, whatever its status.

        `seconds` are for the whole of it; with None it may last, but not be silent. Raises
        aiohttp.ClientError, TimeoutError.
        """
        if seconds is None:
            response = await self._begin(path, None)
        else:
            limits = aiohttp.ClientTimeout(total=seconds, sock_connect=CONNECT_SECONDS)
            response = await self._send("GET", path, None, None, JSON, limits)
        count_refusal(path, response.status)
        return response

    async def _begin(self, path: str, query: Mapping[str, str] | None) -> aiohttp.ClientResponse:
        """The answer to a GET that may last, once it begins."""
        limits = aiohttp.ClientTimeout(
            total=None, sock_connect=CONNECT_SECONDS, sock_read=SILENCE_SECONDS
        )
        with _within(REQUEST_SECONDS):
            async with asyncio.timeout(REQUEST_SECONDS):
                return await self._send("GET", path, query, None, JSON, limits)

    async def _send(  # noqa: PLR0913, PLR0917  - the parts of one HTTP request
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None,
        body: Any,
        content_type: str,
        limits: aiohttp.ClientTimeout,
    ) -> aiohttp.ClientResponse:
        headers = {
            "Accept": JSON,
            "Content-Type": content_type,
            **self._api.default_headers,
        }
        await self._api.update_params_for_auth(headers, [], ["BearerToken"], path, method, body)
        url = f"{self._api.configuration.host}{path}" + (f"?{urlencode(query)}" if query else "")
        wrapped = await self._api.rest_client.request(
            method, url, headers=headers, body=body, _request_timeout=limits
        )
        response: aiohttp.ClientResponse = wrapped.response
        return response


@contextmanager
def _within(seconds: float) -> Iterator[None]:
    """Say what went wrong, which aiohttp does not where all of the time is over."""
    try:
        yield
    except TimeoutError as error:
        if str(error):
            raise
        raise TimeoutError(f"no answer within {seconds:.1f} s") from None


def proxy_of(server: str) -> str | None:
    """The proxy that HTTPS_PROXY and NO_PROXY choose, as for kubectl."""
    url = urlsplit(server)
    if not url.hostname or proxy_bypass(url.hostname):
        return None
    return getproxies().get(url.scheme)
