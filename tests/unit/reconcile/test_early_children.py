"""Children that the operator heard of before their HeadlessCMS, and more of them than it keeps."""

import random
from collections.abc import Mapping
from typing import Any, cast

from cms_operator.cluster.cache.store import Store
from cms_operator.cluster.keys import Key
from cms_operator.cluster.kinds import CONFIG_MAP, ENDPOINT_SLICE, HEADLESS_CMS, POD
from cms_operator.cluster.outbound.pods import PodReader
from cms_operator.cluster.transport.api_error import ApiError
from cms_operator.cluster.transport.client import KubernetesClient
from cms_operator.cluster.writing.apply import Applier
from cms_operator.cluster.writing.status_writer import StatusWriter
from cms_operator.reconcile.analysis.analyses import Analyses
from cms_operator.reconcile.reconciler import Reconciler
from cms_operator.settings import Settings
from tests.unit.rollout.pictures import NOON

SHOP = Key("team-a", "shop")
OWNER = {"kind": "HeadlessCMS", "name": "shop", "uid": "9", "controller": True}
Object = dict[str, Any]


def metadata(name: str, uid: str, **rest: Any) -> Object:
    return {"name": name, "namespace": "team-a", "uid": uid, "resourceVersion": "5", **rest}


def parent() -> Object:
    return {
        "apiVersion": HEADLESS_CMS.api_version,
        "kind": HEADLESS_CMS.name,
        "metadata": metadata("shop", "9", generation=1),
        "spec": {"image": "cms:1", "secretName": "source"},
    }


def config_map(number: int) -> Object:
    name = f"shop-{number}"
    data = {"a": "x" * 2**20}
    return {"metadata": metadata(name, name, ownerReferences=[OWNER]), "data": data}


class Server:
    """It has no Secret of a user, so that no pass goes beyond that."""

    def __init__(self, *objects: Object) -> None:
        self._objects = {found["metadata"]["name"]: found for found in objects}
        self.read: list[str] = []
        self.conditions: dict[str, str] = {}
        self.available = ""

    async def request(self, method: str, path: str, **asked: Any) -> Mapping[str, Any]:
        _, _, name = path.rpartition("/")
        if method == "GET" and name not in self._objects:
            raise ApiError(404, "NotFound", name)
        if method == "GET":
            self.read.append(name)
            return self._objects[name]
        if name == "status":
            told = asked["body"]["status"]["conditions"]
            self.conditions = {found["type"]: found["reason"] for found in told}
            messages = {found["type"]: found["message"] for found in told}
            self.available = messages.get("Available", "")
        return parent()


def reconciler(server: Server, store: Store) -> Reconciler:
    applier = Applier(cast(KubernetesClient, server), store, lambda _: None)
    return Reconciler(
        store=store,
        applier=applier,
        writer=StatusWriter(cast(KubernetesClient, server), store),
        pods=cast(PodReader, None),
        analyses=cast(Analyses, None),
        settings=Settings(),
        now=lambda: NOON,
        random_bytes=bytes,
        busy=lambda: False,
    )


def crowded() -> Store:
    """It heard of so much before the HeadlessCMS that it forgot the first child's content."""
    store = Store()
    store.put(CONFIG_MAP, config_map(1))
    for number in range(2, 20):
        forged = config_map(number)
        forged["metadata"]["ownerReferences"] = [OWNER | {"uid": "made-up"}]
        forged["data"]["a"] = random.Random(number).randbytes(2**19).hex()  # noqa: S311 - noise
        store.put(CONFIG_MAP, forged)
    store.put(HEADLESS_CMS, parent())
    return store


async def test_a_child_whose_content_was_heard_too_early_is_read_once() -> None:
    server, store = Server(config_map(1)), crowded()
    for _ in range(2):
        await reconciler(server, store).reconcile(SHOP)
    assert server.read == ["shop-1"]
    known = store.get(CONFIG_MAP, "team-a", "shop-1")
    assert known == config_map(1)


async def test_one_that_has_gone_meanwhile_is_forgotten() -> None:
    store = crowded()
    await reconciler(Server(), store).reconcile(SHOP)
    assert store.get(CONFIG_MAP, "team-a", "shop-1") is None


def pod(number: int) -> Object:
    name = f"shop-a-{number}"
    given = {"app.kubernetes.io/instance": "shop", "app.kubernetes.io/component": "api"}
    revision = {"headlesscms.io/revision": "a"}
    return {"metadata": metadata(name, name, labels=given | revision), "status": {}}


def slice_of(version: int, *pods: Object) -> Object:
    given = {"app.kubernetes.io/instance": "shop", "kubernetes.io/service-name": "shop"}
    named = metadata("shop-x", "shop-x", labels=given) | {"resourceVersion": str(version)}
    targets = [{"targetRef": {"name": found["metadata"]["name"]}} for found in pods]
    return {"metadata": named, "endpoints": targets}


async def test_how_many_pods_answer_is_told_where_there_are_more_children_than_are_kept() -> None:
    shop = parent()
    shop["spec"]["replicas"] = 2
    shop["status"] = {
        "conditions": [
            {
                "type": "Available",
                "status": "True",
                "reason": "EnoughPods",
                "message": "2 of 2 wanted pods answer.",
                "observedGeneration": 1,
                "lastTransitionTime": "2026-01-01T00:00:00Z",
            }
        ]
    }
    pods = [pod(1), pod(2)]
    server, store = Server(), Store()
    store.put(HEADLESS_CMS, shop)
    for number in range(30):
        store.put(CONFIG_MAP, config_map(number))
    for found in pods:
        store.put(POD, found)
    for version, answering, reason in [(6, pods[:1], "FewerPods"), (7, [], "NoPods")]:
        store.put(ENDPOINT_SLICE, slice_of(version, *answering))
        await reconciler(server, store).reconcile(SHOP)
        assert server.conditions["Stalled"] == "ChildrenTooLarge"
        assert server.conditions["Available"] == reason
        assert server.available == f"{len(answering)} of 2 wanted pods answer."


async def test_one_with_more_of_them_than_are_kept_says_so_and_nothing_is_done() -> None:
    objects = [config_map(number) for number in range(30)]
    server, store = Server(*objects), Store()
    store.put(HEADLESS_CMS, parent())
    for found in objects:
        store.put(CONFIG_MAP, found)
    assert await reconciler(server, store).reconcile(SHOP) is None
    assert server.conditions == dict.fromkeys(
        ("Ready", "Reconciling", "Stalled"), "ChildrenTooLarge"
    )
    assert server.read == []
    for found in objects:
        store.discard(CONFIG_MAP, found)
    assert await reconciler(server, store).reconcile(SHOP) is not None
    assert server.conditions["SecretsReady"] == "SecretNotFound", "it goes on"
