"""List what is there and take it as the truth: at the start, and from time to time.

A watch can lose a deletion (a relist after HTTP 410 does); a list finds it.
"""

from collections.abc import Iterable
from typing import NamedTuple

from cms_operator.cluster.apply import HTTP_NOT_FOUND
from cms_operator.cluster.client import ApiError, KubernetesClient
from cms_operator.cluster.kinds import Kind
from cms_operator.cluster.store import Key, Object, Store

PAGE = 500


class Relisted(NamedTuple):
    """`changed`: whose objects differed from the store; `version` is None for an unknown kind."""

    changed: set[Key]
    version: int | None


async def resync(
    client: KubernetesClient, store: Store, kinds: Iterable[Kind], namespaces: tuple[str, ...]
) -> set[Key]:
    """Return the keys of whatever differed from the store. Raises ApiError."""
    changed: set[Key] = set()
    for kind in kinds:
        for namespace in namespaces or (None,):
            changed |= (await relist(client, store, kind, namespace)).changed
    return changed


async def relist(
    client: KubernetesClient, store: Store, kind: Kind, namespace: str | None
) -> Relisted:
    """Raises ApiError, but where the cluster lacks an optional kind."""
    try:
        listed = await _list(client, kind, namespace)
    except ApiError as error:
        if kind.optional and error.status == HTTP_NOT_FOUND:
            return Relisted(store.drop(kind, namespace), None)
        raise
    return Relisted(store.replace(kind, namespace, listed.items, listed.version), listed.version)


class _Listed(NamedTuple):
    items: list[Object]
    version: int


async def _list(client: KubernetesClient, kind: Kind, namespace: str | None) -> _Listed:
    items: list[Object] = []
    query = {"limit": str(PAGE), **selection(kind)}
    while True:
        page = await client.request("GET", kind.path(namespace), query=query)
        # Items of a list carry no kind of their own.
        items += ({"apiVersion": kind.api_version, "kind": kind.name, **i} for i in page["items"])
        following = page["metadata"].get("continue")
        if not following:
            return _Listed(items, int(page["metadata"]["resourceVersion"]))
        query["continue"] = following


def selection(kind: Kind) -> dict[str, str]:
    return {"labelSelector": kind.selector} if kind.selector else {}
