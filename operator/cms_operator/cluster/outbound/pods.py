"""What serving pods say of themselves, read from their admin port."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import NamedTuple

import aiohttp
import orjson

from cms_operator.api.objects import Object
from cms_operator.cluster.outbound import bodies
from cms_operator.cluster.outbound.places import NoPlaceError, Places
from cms_operator.cluster.transport.connector import connector
from cms_operator.rollout.analysis import exposition
from cms_operator.rollout.analysis.exposition import Page

MAX_BYTES = 64 * 1024
# Two labels, 13 buckets: some 40 routes fit.
MAX_METRICS_BYTES = 256 * 1024
ANSWER_SECONDS = 2.0
AT_ONCE = 64
# The slow pods of one namespace leave places for the others.
AT_ONCE_PER_NAMESPACE = 16


class Target(NamedTuple):
    """A port of a pod."""

    namespace: str
    address: str
    port: int

    @classmethod
    def of(
        cls, namespace: str, pod: Object, configuration: Mapping[str, str], variable: str
    ) -> "Target":
        """`variable` of the pod's configuration has the number of the port."""
        return cls(namespace, str(pod["status"]["podIP"]), int(configuration[variable]))

    def url(self, path: str) -> str:
        host = f"[{self.address}]" if ":" in self.address else self.address
        return f"http://{host}:{self.port}{path}"


class PodReader:
    """Reads pods with a bounded number of connections, answer size and time."""

    def __init__(self, answer_seconds: float = ANSWER_SECONDS) -> None:
        self._places = Places(AT_ONCE, AT_ONCE_PER_NAMESPACE, answer_seconds)
        self._session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=answer_seconds),
            connector=connector(limit=AT_ONCE, force_close=True),
            trust_env=False,
        )

    async def close(self) -> None:
        await self._session.close()

    async def key_generations(self, targets: Sequence[Target]) -> tuple[int, ...]:
        """The generation of the JWT keys that each pod uses; 0 where it gives no answer."""
        answers = await asyncio.gather(*(self._status(target) for target in targets))
        return tuple(_generation(answer) for answer in answers)

    async def metrics(self, target: Target) -> Page | str:
        """What the pod has counted, or in words why it does not tell."""
        wanted = [("name[]", name) for name in exposition.SERIES]
        try:
            async with self._asked(target, "/metrics", wanted) as response:
                if response.status != HTTPStatus.OK:
                    return f"its metrics have the status {response.status}"
                body = await bodies.read(response, MAX_METRICS_BYTES)
            return exposition.parse(body.decode())
        except (aiohttp.ClientError, TimeoutError):
            return "its admin port gives no answer"
        except NoPlaceError as error:
            return f"its admin port was {error}"
        except bodies.TooLongError as error:
            return f"its metrics cannot be used: they are {error}"
        except ValueError as error:
            return f"its metrics cannot be used: {error}"

    async def _status(self, target: Target) -> Mapping[str, object]:
        try:
            async with self._asked(target, "/statusz") as response:
                answer = orjson.loads(await bodies.read(response, MAX_BYTES))
        except (aiohttp.ClientError, TimeoutError, NoPlaceError):
            return {}
        except (bodies.TooLongError, orjson.JSONDecodeError):
            return {}
        return answer if isinstance(answer, dict) else {}

    @asynccontextmanager
    async def _asked(
        self, target: Target, path: str, parameters: Sequence[tuple[str, str]] = ()
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        async with (
            self._places.one(target.namespace),
            self._session.get(
                target.url(path), params=parameters, allow_redirects=False
            ) as response,
        ):
            yield response


def _generation(answer: Mapping[str, object]) -> int:
    value = answer.get("jwtKeysGeneration")
    return value if isinstance(value, int) else 0
