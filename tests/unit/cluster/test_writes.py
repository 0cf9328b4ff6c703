"""How a child is written: applied as a whole, or scaled."""

from collections.abc import Mapping
from typing import Any, cast
from unittest.mock import AsyncMock

import pytest

from cms_operator.api.objects import Object
from cms_operator.cluster.cache.store import Store
from cms_operator.cluster.kinds import CONFIG_MAP, DEPLOYMENT, HEADLESS_CMS, JOB, Kind
from cms_operator.cluster.transport.api_error import ApiError
from cms_operator.cluster.transport.client import APPLY, MERGE, KubernetesClient
from cms_operator.cluster.writing.apply import (
    Applier,
    NameTakenError,
    StaleReadError,
    StillEndingError,
    stamped,
)

SOMEBODY_S = {"metadata": {"name": "shop-a", "namespace": "team", "uid": "x"}}
OWNER = {"uid": "owner", "kind": "HeadlessCMS", "name": "shop", "controller": True}


def deployment(replicas: int, image: str = "cms:1") -> dict[str, Any]:
    metadata = {"name": "shop-a", "namespace": "team", "ownerReferences": [OWNER]}
    spec = {"replicas": replicas, "template": {"spec": {"containers": [{"image": image}]}}}
    return {"apiVersion": "apps/v1", "kind": DEPLOYMENT.name, "metadata": metadata, "spec": spec}


def live(manifest: Mapping[str, Any]) -> Object:
    metadata = {**stamped(manifest)["metadata"], "uid": "u", "resourceVersion": "7"}
    return {**manifest, "metadata": metadata}


class Server:
    def __init__(self, refusal: ApiError | None = None) -> None:
        self.writes: list[tuple[str, bool, Mapping[str, Any]]] = []
        self._refusal = refusal

    async def request(self, _: str, __: str, **asked: Any) -> Object:
        self.writes.append((asked["content_type"], "force" in asked["query"], asked["body"]))
        if self._refusal:
            raise self._refusal
        return live(deployment(9))


def applier(server: Server, known: Object) -> Applier:
    store = Store()
    store.put(HEADLESS_CMS, {"metadata": {"name": "shop", "namespace": "team", "uid": "owner"}})
    store.put(DEPLOYMENT, known)
    return Applier(cast(KubernetesClient, server), store, lambda _: None)


async def test_a_scale_sends_the_replicas_and_what_it_has_read() -> None:
    server = Server()
    assert await applier(server, live(deployment(1))).apply(deployment(2), "owner")
    guard = {"uid": "u", "resourceVersion": "7"}
    assert server.writes == [(MERGE, False, {"metadata": guard, "spec": {"replicas": 2}})]


@pytest.mark.parametrize("replicas", [1, 2])
async def test_whatever_else_differs_is_applied_as_a_whole(replicas: int) -> None:
    server = Server()
    assert await applier(server, live(deployment(1))).apply(deployment(replicas, "cms:2"), "owner")
    [(content_type, forced, body)] = server.writes
    assert (content_type, forced, body["spec"]) == (
        APPLY,
        True,
        deployment(replicas, "cms:2")["spec"],
    )
    assert (body["metadata"]["uid"], body["metadata"]["resourceVersion"]) == ("u", "7")


@pytest.mark.parametrize("status", [404, 409])
async def test_a_scale_of_what_has_gone_or_changed_is_for_the_next_reconcile(status: int) -> None:
    server = Server(ApiError(status, "", ""))
    with pytest.raises(StaleReadError):
        await applier(server, live(deployment(1))).apply(deployment(2), "owner")


@pytest.mark.parametrize("kind", [CONFIG_MAP, JOB], ids=lambda kind: kind.name)
async def test_what_never_changes_is_created_and_whoever_has_its_name_keeps_it(kind: Kind) -> None:
    manifest = {**deployment(1), "apiVersion": kind.api_version, "kind": kind.name}
    api = AsyncMock()
    api.request.side_effect = [ApiError(409, "AlreadyExists", ""), SOMEBODY_S]
    with pytest.raises(NameTakenError):
        await Applier(api, Store(), lambda _: None).apply(manifest, "owner")
    create, look = api.request.await_args_list
    assert create.args == ("POST", kind.path("team"))
    assert create.kwargs["body"] == stamped(manifest)
    assert look.args == ("GET", kind.path("team", "shop-a"))


FIRST = {"uid": "first", "kind": "HeadlessCMS", "name": "shop", "controller": True}
DELETED = {"deletionTimestamp": "2026-01-01T00:00:00Z", "finalizers": ["example.com/balancer"]}


@pytest.mark.parametrize(
    ("metadata", "finalizers"),
    [
        ({"ownerReferences": [FIRST], **DELETED}, ("example.com/balancer",)),
        ({"ownerReferences": [FIRST]}, ()),
        ({"ownerReferences": [], **DELETED}, ("example.com/balancer",)),
    ],
    ids=["a child that waits for its finalizer", "a child before its end", "somebody's"],
)
@pytest.mark.parametrize("is_known", [True, False], ids=["seen", "met"])
async def test_what_still_ends_under_the_name_of_a_child_is_waited_for(
    metadata: dict[str, Any], finalizers: tuple[str, ...], *, is_known: bool
) -> None:
    found = live(deployment(1))
    found = {**found, "metadata": {**found["metadata"], **metadata}}
    store, api = Store(), AsyncMock()
    if is_known:
        store.put(DEPLOYMENT, found)
    api.request.side_effect = [ApiError(409, "AlreadyExists", ""), found]
    with pytest.raises(StillEndingError) as held:
        await Applier(api, store, lambda _: None).apply(deployment(1), "owner")
    assert held.value.finalizers == finalizers
    assert str(held.value) == "Deployment shop-a"


async def test_a_take_over_adds_an_owner_to_just_what_was_seen_and_nothing_else() -> None:
    server = Server()
    other = {"uid": "other", "kind": "Note", "name": "n"}
    found = live(deployment(1))
    found = {**found, "metadata": {**found["metadata"], "ownerReferences": [other]}}
    await applier(server, found).own(DEPLOYMENT, found, OWNER)
    guarded = {"uid": "u", "resourceVersion": "7", "ownerReferences": [other, OWNER]}
    assert server.writes == [(MERGE, False, {"metadata": guarded})]


@pytest.mark.parametrize("status", [404, 409])
async def test_a_take_over_of_what_has_gone_or_changed_is_for_the_next_reconcile(
    status: int,
) -> None:
    found = live(deployment(1))
    with pytest.raises(StaleReadError):
        await applier(Server(ApiError(status, "", "")), found).own(DEPLOYMENT, found, OWNER)
