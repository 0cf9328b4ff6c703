"""The least that any program has to do to bring a fleet up: an asynchronous client without thought.

It creates the objects that the operator has made, each tenant's pods after its migration, and waits
until they are available.
"""

import asyncio
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from kubernetes.aio import client, config

from cms_operator.cluster.kinds import BY_NAME, DEPLOYMENT, JOB, Kind
from cms_operator.cluster.transport.client import KubernetesClient
from cms_operator.resources import labels

Object = dict[str, Any]
AT_ONCE = 32
# Labels of a Job's pods that the server gives.
_GIVEN = (
    "batch.kubernetes.io/controller-uid",
    "batch.kubernetes.io/job-name",
    "controller-uid",
    "job-name",
)


def bare(found: Object) -> Object:
    """An object as it was asked for: without its owner, and without what the server has given it.

    Nor has it the label by which the operator would know it as its own.
    """
    metadata = found["metadata"]
    kept = {name: metadata[name] for name in ("name", "namespace")}
    kept["labels"] = {k: v for k, v in metadata["labels"].items() if k != labels.MANAGED_BY}
    copy = {k: v for k, v in found.items() if k not in ("metadata", "status")}
    copy["metadata"] = kept
    if found["kind"] == "Service":
        spec = found["spec"]
        ports = [{k: port[k] for k in ("name", "port", "targetPort")} for port in spec["ports"]]
        copy["spec"] = {"selector": spec["selector"], "ports": ports}
    if found["kind"] == JOB.name:
        template = found["spec"]["template"]
        own = {k: v for k, v in template["metadata"]["labels"].items() if k not in _GIVEN}
        pods = {"metadata": {"labels": own}, "spec": template["spec"]}
        spec = {k: v for k, v in found["spec"].items() if k != "selector"}
        copy["spec"] = {**spec, "template": pods}
    return copy


async def bring_up(kubeconfig: Path, tenants: Iterable[list[Object]]) -> float:
    """Create all objects of all tenants; return the seconds until every pod is available."""
    api = await _connect(kubeconfig)
    try:
        started = time.monotonic()
        waiting = asyncio.Semaphore(AT_ONCE)
        seen = _Seen()
        watches = [asyncio.create_task(seen.follow(api, kind)) for kind in (JOB, DEPLOYMENT)]
        await asyncio.gather(*(_tenant(api, seen, waiting, objects) for objects in tenants))
        seconds = time.monotonic() - started
        for watch in watches:
            watch.cancel()
        await asyncio.gather(*watches, return_exceptions=True)
        return seconds
    finally:
        await api.close()


async def _connect(kubeconfig: Path) -> KubernetesClient:
    configuration = client.Configuration()
    await config.load_kube_config(str(kubeconfig), client_configuration=configuration)
    configuration.connection_pool_maxsize = AT_ONCE + 2
    configuration.client_session_kwargs = {"trust_env": False}
    return KubernetesClient(client.ApiClient(configuration))


class _Seen:
    """Jobs that are over and Deployments whose pods are available, as the watches tell."""

    def __init__(self) -> None:
        self._done: dict[tuple[str, str], asyncio.Event] = {}

    def event(self, kind: str, name: str) -> asyncio.Event:
        return self._done.setdefault((kind, name), asyncio.Event())

    async def follow(self, api: KubernetesClient, kind: Kind) -> None:
        while True:
            async for event in api.watch(kind.path(None), {}):
                if event["type"] != "BOOKMARK" and _is_done(event["object"]):
                    self.event(kind.name, event["object"]["metadata"]["name"]).set()


def _is_done(found: Mapping[str, Any]) -> bool:
    status = found.get("status", {})
    if found["kind"] == JOB.name:
        return bool(status.get("succeeded"))
    return bool(status.get("availableReplicas", 0) >= found["spec"]["replicas"])


async def _tenant(
    api: KubernetesClient, seen: _Seen, free: asyncio.Semaphore, objects: list[Object]
) -> None:
    for kind in (None, DEPLOYMENT.name):
        for found in objects:
            if (found["kind"] == DEPLOYMENT.name) is (kind is not None):
                await _create(api, free, found)
        awaited = kind or JOB.name
        for found in objects:
            if found["kind"] == awaited:
                await seen.event(awaited, found["metadata"]["name"]).wait()


async def _create(api: KubernetesClient, free: asyncio.Semaphore, found: Object) -> None:
    kind = BY_NAME[found["kind"]]
    async with free:
        await api.request("POST", kind.path(found["metadata"]["namespace"]), body=found)
