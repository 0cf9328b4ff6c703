"""kopf's requests, sent by the operator's own client, with answers that kopf lives through.

kopf follows the HeadlessCMS objects. It asks again where a connection breaks off, and lists anew
where a watch tells 410. But it ends the process (1.45) where an answer is 401, 404 or 410 or is no
JSON, and where a watch tells half a line or an error other than 410. It begins a watch that has
just ended again without a pause, and of what a new list lacks it tells nobody.

So each of these becomes what kopf knows: a refusal is a connection that broke off, a watch that
cannot go on tells 410, and after a list the watch first tells what is gone.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable
from http import HTTPStatus
from typing import Any, cast

import aiohttp
import orjson

from cms_operator.api.objects import Object
from cms_operator.cluster.cache.listing import Listing
from cms_operator.cluster.cache.store import Store, TurnedBackError
from cms_operator.cluster.kinds import HEADLESS_CMS
from cms_operator.cluster.transport.answers import decode, events
from cms_operator.cluster.transport.api_error import NO_ANSWER, ApiError
from cms_operator.cluster.transport.client import REQUEST_SECONDS, SILENCE_SECONDS, KubernetesClient
from cms_operator.cluster.watching.pause import Pause
from cms_operator.cluster.watching.resync import LAG_SECONDS
from cms_operator.observability.metrics import WATCH_ERRORS

log = logging.getLogger(__name__)

# Shown in kopf's log only; the client knows where the API server is.
SERVER = "http://kubernetes"
# Longer than the pauses of kopf and ours and an unanswered watch together.
DEAF_SECONDS = 2.0 * SILENCE_SECONDS
_RESOURCES = f"/apis/{HEADLESS_CMS.api_version}"
_EXPIRED = b'{"type":"ERROR","object":{"kind":"Status","code":410,"reason":"Expired"}}\n'


class KopfSession:
    """What kopf logs in with, to list and watch these namespaces, or all.

    Raises RuntimeError where no event loop runs.
    """

    def __init__(
        self, client: KubernetesClient, store: Store, namespaces: Iterable[str | None]
    ) -> None:
        self._client = client
        self._streams = {
            HEADLESS_CMS.path(namespace): _Stream(store, namespace) for namespace in namespaces
        }

    def open(self) -> aiohttp.ClientSession:
        """A session for one login; kopf closes it."""
        return aiohttp.ClientSession(middlewares=(self._answer,))

    def alive(self) -> bool:
        """False where kopf has neither asked for some of it nor heard of it for minutes."""
        now = _now()
        return all(now - stream.heard < DEAF_SECONDS for stream in self._streams.values())

    async def _answer(
        self, request: aiohttp.ClientRequest, _: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        """Answer a request of kopf, or raise what makes kopf do the right thing.

        On aiohttp.ClientConnectionError it asks the same again after a pause, on
        aiohttp.ClientPayloadError it begins the list anew, and on TurnedBackError, of the second
        list in a row that is older than what was known, it ends.
        """
        stream = self._streams.get(request.url.path)
        for asked in (stream,) if stream else self._streams.values():
            asked.heard = _now()
        try:
            if stream is None:
                return await self._discover(request)
            return await self._ask(request, stream)
        except ApiError as error:
            if stream and error.is_about_one_kind:
                await stream.refused(error)
            else:
                WATCH_ERRORS.labels(HEADLESS_CMS.plural).inc()
                await asyncio.sleep(error.patience or 0.0)
            if error.status == HTTPStatus.GONE and "continue" in request.url.query:
                raise aiohttp.ClientPayloadError(str(error)) from error
            raise aiohttp.ClientConnectionError(str(error)) from error
        except TurnedBackError as error:
            if stream is None or stream.is_doubted:
                raise
            stream.is_doubted = True
            await asyncio.sleep(LAG_SECONDS)
            raise aiohttp.ClientPayloadError(str(error)) from error
        except Exception as error:
            WATCH_ERRORS.labels(HEADLESS_CMS.plural).inc()
            raise aiohttp.ClientConnectionError(repr(error)) from error

    async def _discover(self, request: aiohttp.ClientRequest) -> aiohttp.ClientResponse:
        """Answer discovery only when HeadlessCMS is served: kopf looks for it just once."""
        url = request.url
        response = await self._client.get(url.raw_path_qs, REQUEST_SECONDS)
        body = await response.read()
        if response.status == HTTPStatus.NOT_FOUND and url.path != _RESOURCES:
            return response  # kopf can do without it
        found = decode(response, body)
        if url.path == "/apis" and not _has(found["groups"], HEADLESS_CMS.group):
            raise aiohttp.ClientConnectionError(f"{HEADLESS_CMS.group} is not served yet")
        if url.path == _RESOURCES and not _has(found["resources"], HEADLESS_CMS.plural):
            raise aiohttp.ClientConnectionError(f"{HEADLESS_CMS.plural} are not served yet")
        return response

    async def _ask(
        self, request: aiohttp.ClientRequest, stream: "_Stream"
    ) -> aiohttp.ClientResponse:
        watches = "watch" in request.url.query
        response = await (self._watch if watches else self._list)(request, stream)
        stream.refusals.went_well()
        return response

    async def _list(
        self, request: aiohttp.ClientRequest, stream: "_Stream"
    ) -> aiohttp.ClientResponse:
        if "continue" not in request.url.query:
            stream.begin_list()
        response = await self._client.get(request.url.raw_path_qs, REQUEST_SECONDS)
        stream.take(decode(response, await response.read()))
        return response

    async def _watch(
        self, request: aiohttp.ClientRequest, stream: "_Stream"
    ) -> aiohttp.ClientResponse:
        await stream.pause.begin()
        response = await self._client.get(request.url.raw_path_qs, None)
        lines = stream.told(response.content)
        if response.status == HTTPStatus.GONE:
            response.status, lines = HTTPStatus.OK, stream.expired()
        elif response.status != HTTPStatus.OK:
            decode(response, await response.read())
        response.content = cast(aiohttp.StreamReader, _Content(response.content, lines))
        return response


class _Stream:
    """What kopf hears of one namespace, or of all; `heard` is when it asked or was told last."""

    def __init__(self, store: Store, namespace: str | None) -> None:
        self._store = store
        self._namespace = namespace
        self._gone: list[bytes] = []
        self.pause = Pause()
        self.refusals = Pause()
        self.is_doubted = False
        self.heard = _now()
        self.begin_list()

    def begin_list(self) -> None:
        self._listing = Listing(self._store, HEADLESS_CMS, self._namespace)

    def take(self, page: Any) -> None:
        """Take in a page of the list; after the last one it is known what is gone.

        Raises TurnedBackError.
        """
        version = page["metadata"]["resourceVersion"]
        for found in self._listing.seen(page["items"], int(version)):
            _identified(found)
        if not page["metadata"].get("continue"):
            self.is_doubted = False
            gone = self._listing.gone(int(version))
            self._gone = [_line(_deletion(found, version)) for found in gone]

    async def told(self, content: aiohttp.StreamReader) -> AsyncIterator[bytes]:
        """The lines of a watch, and before them what the last list lacked."""
        try:
            while self._gone:
                yield self._gone.pop()
            async for event in events(content):
                self.heard = _now()
                line = _line(event)
                version = int(event["object"]["metadata"]["resourceVersion"])
                self._store.hear(HEADLESS_CMS, self._namespace, version)
                self.pause.went_well()
                yield line
        except NO_ANSWER as error:
            self._broke_off(error)
        except Exception as error:  # noqa: BLE001  - an ERROR event, or what is not known
            self._broke_off(error)
            yield _EXPIRED

    async def expired(self) -> AsyncIterator[bytes]:
        self._broke_off("410 Gone")
        yield _EXPIRED

    async def refused(self, error: ApiError) -> None:
        """Log a refusal, which may last for days, once; kopf logs each one it hears of."""
        self.heard = _now()
        if self.refusals.refused(str(error)):
            self._tell(error)
        await self.refusals.begin()

    def _broke_off(self, error: object) -> None:
        self.pause.broke_off()
        self._tell(error)

    def _tell(self, error: object) -> None:
        log.info("the watch of %s broke off: %r", HEADLESS_CMS.plural, error)
        WATCH_ERRORS.labels(HEADLESS_CMS.plural).inc()


class _Content:
    """Stands in for the body of a watch's answer: gives only whole lines."""

    def __init__(self, content: aiohttp.StreamReader, lines: AsyncIterator[bytes]) -> None:
        self._content = content
        self._lines = lines

    def __getattr__(self, name: str) -> Any:
        return getattr(self._content, name)

    async def iter_chunked(self, _: int) -> AsyncIterator[bytes]:
        async for line in self._lines:
            yield line


def _now() -> float:
    return asyncio.get_running_loop().time()


def _has(found: list[Any], name: str) -> bool:
    return any(one["name"] == name for one in found)


def _identified(found: Object) -> None:
    """Check that kopf and the store can use an object. Raises KeyError, TypeError, ValueError."""
    metadata = found["metadata"]
    _ = metadata["uid"], metadata["namespace"], metadata["name"], int(metadata["resourceVersion"])


def _deletion(found: Object, version: str) -> Any:
    """The event of a deletion, with the version from which a watch can go on."""
    metadata = {**found["metadata"], "resourceVersion": version}
    return {"type": "DELETED", "object": {**found, "metadata": metadata}}


def _line(event: Any) -> bytes:
    if event["type"] == "BOOKMARK":
        int(event["object"]["metadata"]["resourceVersion"])
    else:
        _identified(event["object"])
    return orjson.dumps(event) + b"\n"
