"""The least that any program has to do to bring a fleet up: an asynchronous client without thought.

It creates the objects that are there when the operator is done, the HeadlessCMS and all that it
owns, each tenant's pods after its migration, and waits until they are available.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from kubernetes.aio import client, config

from benchmarks.teams import Teams
from cms_operator.cluster.kinds import BY_NAME, CHILDREN, DEPLOYMENT, HEADLESS_CMS, JOB, Kind
from cms_operator.cluster.transport.client import KubernetesClient
from localcluster.controlplane import ControlPlane
from tests.controlplane.api import Object
from tests.controlplane.operator_process import install

Tenant = list[Object]
AT_ONCE = 32
# What controllers give a Deployment, and the server a Job's pods.
_GIVEN_ANNOTATIONS = {"deployment.kubernetes.io/revision"}
_GIVEN_LABELS = {
    "batch.kubernetes.io/controller-uid",
    "batch.kubernetes.io/job-name",
    "controller-uid",
    "job-name",
}


def tenants_of(teams: Teams, names: Collection[str]) -> list[Tenant]:
    """The objects of each of these tenants as a client would create them, their owner first."""
    found: defaultdict[str, Tenant] = defaultdict(list)
    for kind in (HEADLESS_CMS, *(kind for kind in CHILDREN if kind.writable and not kind.optional)):
        for live in teams.all(kind.name.lower()):
            name = _tenant_of(kind, live)
            if name in names:
                is_of = {"apiVersion": kind.api_version, "kind": kind.name}
                found[name].append(_bare({**is_of, **live}))
    return list(found.values())


def _tenant_of(kind: Kind, found: Object) -> str:
    """Empty for what nobody owns."""
    metadata = found["metadata"]
    if kind == HEADLESS_CMS:
        return str(metadata["name"])
    return next((str(owner["name"]) for owner in metadata.get("ownerReferences", ())), "")


def _bare(found: Object) -> Object:
    """An object as it was asked for: without what the server has given it."""
    metadata = found["metadata"]
    kept = {
        key: metadata[key]
        for key in ("name", "namespace", "labels", "ownerReferences")
        if key in metadata
    }
    kept["annotations"] = _without(metadata.get("annotations", {}), _GIVEN_ANNOTATIONS)
    copy = {k: v for k, v in found.items() if k not in ("metadata", "status")}
    copy["metadata"] = kept
    if found["kind"] == "Service":
        spec = found["spec"]
        ports = [{k: port[k] for k in ("name", "port", "targetPort")} for port in spec["ports"]]
        copy["spec"] = {"selector": spec["selector"], "ports": ports}
    if found["kind"] == JOB.name:
        template = found["spec"]["template"]
        own = _without(template["metadata"]["labels"], _GIVEN_LABELS)
        pods = {"metadata": {"labels": own}, "spec": template["spec"]}
        spec = {k: v for k, v in found["spec"].items() if k != "selector"}
        copy["spec"] = {**spec, "template": pods}
    return copy


def _without(found: Mapping[str, str], names: Collection[str]) -> dict[str, str]:
    return {key: value for key, value in found.items() if key not in names}


def prepare(control_plane: ControlPlane, tenants: Collection[Tenant]) -> None:
    """All that is there before a HeadlessCMS is: its CRD and policies, and the namespaces."""
    install(control_plane)
    for namespace in sorted({found["metadata"]["namespace"] for own in tenants for found in own}):
        control_plane.kubectl("create", "namespace", namespace)


async def bring_up(control_plane: ControlPlane, tenants: Collection[Tenant]) -> float:
    """Create all objects of all tenants; return the seconds until every pod is available."""
    api = await _connect(control_plane.kubeconfig)
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
    api: KubernetesClient, seen: _Seen, free: asyncio.Semaphore, objects: Tenant
) -> None:
    cms, *children = objects
    owner = await _create(api, free, cms)
    for is_deployment, awaited in ((False, JOB.name), (True, DEPLOYMENT.name)):
        for child in children:
            if (child["kind"] == DEPLOYMENT.name) is is_deployment:
                await _create(api, free, _owned(child, owner))
        for child in children:
            if child["kind"] == awaited:
                await seen.event(awaited, child["metadata"]["name"]).wait()


def _owned(child: Object, owner: Object) -> Object:
    metadata = child["metadata"]
    (reference,) = metadata["ownerReferences"]
    owners = [{**reference, "uid": owner["metadata"]["uid"]}]
    return {**child, "metadata": {**metadata, "ownerReferences": owners}}


async def _create(api: KubernetesClient, free: asyncio.Semaphore, found: Object) -> Object:
    kind = BY_NAME[found["kind"]]
    async with free:
        made: Object = await api.request(
            "POST", kind.path(found["metadata"]["namespace"]), body=found
        )
        return made
