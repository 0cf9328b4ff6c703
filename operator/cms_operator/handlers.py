"""What kopf calls: the start and end of the operator, and the events of HeadlessCMS objects."""

import time
from typing import Any

import kopf

from cms_operator import kopf_settings
from cms_operator.cluster.kinds import ALL, HEADLESS_CMS
from cms_operator.cluster.leader_election.elector import Election
from cms_operator.cluster.transport.client import KubernetesClient
from cms_operator.cluster.transport.pace import Pace
from cms_operator.cluster.watching.kopf_session import SERVER
from cms_operator.process import Operator
from cms_operator.settings import Settings


class _Process:
    """kopf calls module-level functions; this is what they share."""

    operator: Operator | None = None

    @classmethod
    def running(cls) -> Operator:
        if cls.operator is None:
            raise RuntimeError("the operator has not started")
        return cls.operator


@kopf.on.startup()
async def start(settings: kopf.OperatorSettings, **_: Any) -> None:
    own = Settings.from_environment()
    if settings.peering.clusterwide == bool(own.namespaces):
        raise kopf.PermanentError(
            "kopf and the operator must follow the same: start kopf with -A, or with -n for each "
            "namespace that HCMS_WATCH_NAMESPACES names"
        )
    kopf_settings.configure(settings)
    election = await Election.prepare(own) if own.lease.elected else None
    client = await KubernetesClient.connect(
        connections=own.workers * 2 + len(ALL) * max(1, len(own.namespaces)),
        pace=Pace(own.requests_per_second, time.monotonic),
        fence=election.fence if election else None,
        identity=election.identity if election else "",
    )
    reviews = await KubernetesClient.connect(connections=2) if own.metrics_authenticated else None
    operator = Operator(own, client, election, reviews)
    await operator.start()
    _Process.operator = operator


@kopf.on.login()
async def login(**_: Any) -> kopf.AiohttpSession:
    return kopf.AiohttpSession(server=SERVER, aiohttp_session=_Process.running().kopf_session())


@kopf.on.event(HEADLESS_CMS.group, HEADLESS_CMS.version, HEADLESS_CMS.plural)
async def take(event: kopf.RawEvent, **_: Any) -> None:
    _Process.running().events.take(HEADLESS_CMS, event["type"], dict(event["object"]))


@kopf.on.cleanup()
async def stop(**_: Any) -> None:
    if _Process.operator is not None:
        await _Process.operator.stop()


HANDLERS = kopf.get_default_registry()
