"""Measures read where others keep them: at Prometheus and at webhooks.

The owner of a HeadlessCMS, who may be anybody, chooses the query and the webhook. So the
address of Prometheus is the operator's, a webhook is a Service of the own namespace, and
whatever comes back is bounded before it is looked at.
"""

import asyncio
import ssl
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any

import aiohttp
import orjson
from aiohttp.abc import AbstractResolver

from cms_operator.api.fields.measures import Measure, PrometheusMeasure, WebhookMeasure
from cms_operator.cluster.outbound import bodies
from cms_operator.cluster.outbound.places import NoPlaceError, Places
from cms_operator.cluster.outbound.service_resolver import NoAddressError, host_of
from cms_operator.cluster.transport.client import FIELD_MANAGER
from cms_operator.cluster.transport.connector import connector
from cms_operator.rollout.analysis import prometheus, webhook
from cms_operator.rollout.analysis.readings import MeasureContext, Reading
from cms_operator.settings import PrometheusSettings, SettingsError

MAX_BYTES = 64 * 1024
ANSWER_SECONDS = 5.0
AT_ONCE = 16
# The slow providers of one namespace leave places for the others.
AT_ONCE_PER_NAMESPACE = 4
_LONGEST_TOKEN = 16 * 1024
# Prometheus tells in JSON what is wrong with a query, and that one took too long.
_TOLD = (400, 422, 503)


class ProviderError(Exception):
    """A provider is away or answers what cannot be used; the message may stand in a status."""


class MeasureReader:
    """Asks a provider once. It never raises: a provider that is away is a Reading with `error`."""

    def __init__(
        self,
        settings: PrometheusSettings,
        services: AbstractResolver,
        answer_seconds: float = ANSWER_SECONDS,
    ) -> None:
        self._settings = settings
        self._seconds = answer_seconds
        self._queries, self._questions = (
            Places(AT_ONCE, AT_ONCE_PER_NAMESPACE, 2 * answer_seconds) for _ in range(2)
        )
        self._prometheus = self._session(connector(limit=AT_ONCE, ssl=_trust(settings.ca_file)))
        self._webhooks = self._session(
            connector(
                limit=AT_ONCE,
                force_close=True,
                resolver=services,
                # The address of a Service that was deleted may soon be another's.
                use_dns_cache=False,
            )
        )

    def _session(self, connections: aiohttp.BaseConnector) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            connector=connections,
            timeout=aiohttp.ClientTimeout(total=self._seconds),
            cookie_jar=aiohttp.DummyCookieJar(),
            # A compressed answer could be larger than it looks.
            headers={
                "Accept": "application/json",
                "Accept-Encoding": "identity",
                "User-Agent": FIELD_MANAGER,
            },
            auto_decompress=False,
            trust_env=False,
        )

    async def close(self) -> None:
        await self._prometheus.close()
        await self._webhooks.close()

    async def read(self, measure: Measure, context: MeasureContext) -> Reading:
        try:
            if measure.prometheus is not None:
                async with self._queries.one(context.namespace):
                    answer = await self._query(measure.prometheus, context)
                return prometheus.judge(measure, answer)
            if measure.webhook is not None:
                async with self._questions.one(context.namespace):
                    answer = await self._ask(measure.webhook, context)
                return webhook.judge(measure, answer)
        except (ProviderError, NoPlaceError) as error:
            return Reading(measure.name, error=str(error))
        raise AssertionError("a measure has one provider")

    async def _query(self, asked: PrometheusMeasure, context: MeasureContext) -> Any:
        if not self._settings.url:
            raise ProviderError(
                "the operator knows no Prometheus: its setting HCMS_PROMETHEUS_URL "
                "(prometheus.url of the chart) is missing"
            )
        try:
            query = prometheus.fill(asked.query, context)
        except ValueError as error:
            raise ProviderError(str(error)) from None
        return await self._json(
            self._prometheus,
            "GET",
            f"{self._settings.url}/api/v1/query",
            who="Prometheus",
            told=_TOLD,
            headers=await self._authorization(),
            # A proxy that keeps tenants apart goes by this name; Prometheus itself reads past it.
            params={"query": query, "namespace": context.namespace},
        )

    async def _authorization(self) -> Mapping[str, str]:
        if not self._settings.token_file:
            return {}
        try:
            # Read each time: the kubelet renews it.
            token = await asyncio.to_thread(_token, Path(self._settings.token_file))
        except (OSError, ValueError):
            raise ProviderError("HCMS_PROMETHEUS_TOKEN_FILE holds no usable token") from None
        return {"Authorization": f"Bearer {token}"}

    async def _ask(self, asked: WebhookMeasure, context: MeasureContext) -> Any:
        host = host_of(asked.service, context.namespace)
        return await self._json(
            self._webhooks,
            "POST",
            f"http://{host}:{asked.port}{asked.path}",
            who=f"the webhook {asked.service}:{asked.port}",
            json=webhook.question(context),
        )

    async def _json(
        self,
        session: aiohttp.ClientSession,
        method: str,
        url: str,
        *,
        who: str,
        told: tuple[int, ...] = (),
        **request: Any,
    ) -> Any:
        """The decoded answer. Raises ProviderError."""
        try:
            async with session.request(method, url, allow_redirects=False, **request) as response:
                if response.status != HTTPStatus.OK and response.status not in told:
                    raise ProviderError(f"{who} answered with the status {response.status}")
                return orjson.loads(await bodies.read(response, MAX_BYTES))
        except TimeoutError:
            raise ProviderError(f"{who} gave no answer within {self._seconds:g} s") from None
        except bodies.TooLongError:
            raise ProviderError(f"{who} answered with more than {MAX_BYTES // 1024} KiB") from None
        except orjson.JSONDecodeError:
            raise ProviderError(f"{who} did not answer with JSON") from None
        except (aiohttp.ClientError, OSError) as error:
            raise ProviderError(f"{who} {_reason(error)}") from None


def _reason(error: Exception) -> str:
    """Why there is no answer; the operator's own addresses are nobody else's business."""
    match error:
        case aiohttp.ClientConnectorDNSError(os_error=NoAddressError() as why):
            return str(why)
        case aiohttp.ClientConnectorDNSError():
            return "has a name that DNS does not know"
        case aiohttp.ClientSSLError():
            return "has a certificate that the operator does not trust"
    return "cannot be reached"


def _trust(ca_file: str) -> ssl.SSLContext | bool:
    if not ca_file:
        return True
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        raise SettingsError(f"HCMS_PROMETHEUS_CA_FILE cannot be used: {error}") from None


def _token(path: Path) -> str:
    """Raises OSError, and ValueError for what no header can hold."""
    with path.open(encoding="ascii") as file:
        token = file.read(_LONGEST_TOKEN).strip()
    if not token or not token.isprintable() or " " in token:
        raise ValueError
    return token
