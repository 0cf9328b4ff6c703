"""List what is there and take it as the truth: at the start, and from time to time.

A watch can lose a deletion (a relist after HTTP 410 does); a list finds it.
"""

from typing import NamedTuple

from cms_operator.cluster.apply import HTTP_NOT_FOUND
from cms_operator.cluster.client import ApiError, KubernetesClient
from cms_operator.cluster.kinds import CHILDREN, HEADLESS_CMS, Kind
from cms_operator.cluster.store import Key, Object, Store

PAGE = 500


async def resync(client: KubernetesClient, store: Store, namespaces: tuple[str, ...]) -> set[Key]:
    """Return the keys of whatever differed from the store. Raises ApiError."""
    changed: set[Key] = set()
    for kind in (HEADLESS_CMS, *CHILDREN):
        for namespace in namespaces or (None,):
            listed = await _list(client, kind, namespace)
            if listed is not None:
                changed |= store.replace(kind, namespace, listed.items, listed.version)
    return changed


class Listed(NamedTuple):
    items: list[Object]
    version: int


async def _list(client: KubernetesClient, kind: Kind, namespace: str | None) -> Listed | None:
    items: list[Object] = []
    query = {"limit": str(PAGE)}
    if kind.selector:
        query["labelSelector"] = kind.selector
    while True:
        try:
            page = await client.request("GET", kind.path(namespace), query=query)
        except ApiError as error:
            if kind.optional and error.status == HTTP_NOT_FOUND:
                return None
            raise
        # Items of a list carry no kind of their own.
        items += ({"apiVersion": kind.api_version, "kind": kind.name, **i} for i in page["items"])
        following = page["metadata"].get("continue")
        if not following:
            return Listed(items, int(page["metadata"]["resourceVersion"]))
        query["continue"] = following
