"""List what is there and take it as the truth: at the start, and from time to time.

A watch can lose a deletion (a relist after HTTP 410 does); a list finds it.
"""

import asyncio
from collections.abc import Callable, Iterable

from cms_operator.cluster.cache.listing import Listing
from cms_operator.cluster.cache.store import Store, TurnedBackError
from cms_operator.cluster.keys import Key
from cms_operator.cluster.kinds import Kind
from cms_operator.cluster.transport.api_error import ApiError
from cms_operator.cluster.transport.client import KubernetesClient

Tell = Callable[[Key], None]
# Longer than one of several API servers lags behind a SQL database in place of etcd, as with k3s:
# for a kind without objects it answers what it has heard of last, not what the database has.
LAG_SECONDS = 5.0


async def resync(
    client: KubernetesClient,
    store: Store,
    kinds: Iterable[Kind],
    namespaces: tuple[str, ...],
    tell: Tell,
) -> list[tuple[Kind, ApiError]]:
    """List each kind, and return those that the server refuses to list.

    Raises TurnedBackError, aiohttp.ClientError, TimeoutError.
    """
    refused = []
    for kind in kinds:
        for namespace in namespaces or (None,):
            try:
                await relist(client, store, kind, namespace, tell)
            except ApiError as error:
                refused.append((kind, error))
    return refused


async def relist(
    client: KubernetesClient, store: Store, kind: Kind, namespace: str | None, tell: Tell
) -> int | None:
    """Take in a list; returns its version, None where the cluster lacks an optional kind.

    `tell` gets the key of whatever differed from the store, also of what came before an error. A
    page is taken in before the next is asked for: this bounds the memory of a list. One that is
    older than what was known is asked for again before that counts.
    Raises TurnedBackError, ApiError, aiohttp.ClientError, TimeoutError.
    """
    try:
        return await _list(client, store, kind, namespace, tell)
    except TurnedBackError:
        await asyncio.sleep(LAG_SECONDS)
        return await _list(client, store, kind, namespace, tell)


async def _list(
    client: KubernetesClient, store: Store, kind: Kind, namespace: str | None, tell: Tell
) -> int | None:
    listing = Listing(store, kind, namespace)
    query = {"limit": str(kind.page), **selection(kind)}
    try:
        while True:
            page = await client.request("GET", kind.path(namespace), query=query)
            # Items of a list carry no kind of their own.
            is_of = {"apiVersion": kind.api_version, "kind": kind.name}
            version = int(page["metadata"]["resourceVersion"])
            listing.take(({**is_of, **item} for item in page["items"]), version)
            if not page["metadata"].get("continue"):
                break
            query["continue"] = page["metadata"]["continue"]
        listing.end(version)
    except ApiError as error:
        if not kind.optional or not error.is_not_found:
            raise
        listing.changed |= store.forget_kind(kind, namespace)
        return None
    else:
        return version
    finally:
        for key in listing.changed:
            tell(key)


def selection(kind: Kind) -> dict[str, str]:
    return {"labelSelector": kind.selector} if kind.selector else {}
