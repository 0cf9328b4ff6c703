"""List what is there and take it as the truth: at the start, and from time to time.

A watch can lose a deletion (a relist after HTTP 410 does); a list finds it.
"""

from collections.abc import Iterable
from typing import NamedTuple

from cms_operator.cluster.apply import HTTP_NOT_FOUND
from cms_operator.cluster.client import ApiError, KubernetesClient
from cms_operator.cluster.kinds import Kind
from cms_operator.cluster.store import Key, Listing, Store

# Each is taken in before the next is asked for: this bounds the memory of a list.
PAGE = 200


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
    listing = Listing(store, kind, namespace)
    query = {"limit": str(PAGE), **selection(kind)}
    try:
        while True:
            page = await client.request("GET", kind.path(namespace), query=query)
            # Items of a list carry no kind of their own.
            is_of = {"apiVersion": kind.api_version, "kind": kind.name}
            listing.take({**is_of, **item} for item in page["items"])
            if not page["metadata"].get("continue"):
                break
            query["continue"] = page["metadata"]["continue"]
    except ApiError as error:
        if kind.optional and error.status == HTTP_NOT_FOUND:
            return Relisted(store.drop(kind, namespace), None)
        raise
    version = int(page["metadata"]["resourceVersion"])
    return Relisted(listing.end(version), version)


def selection(kind: Kind) -> dict[str, str]:
    return {"labelSelector": kind.selector} if kind.selector else {}
