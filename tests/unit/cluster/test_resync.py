"""A list of everything finds what no watch has told, as far as the server lets it."""

from typing import Any, cast

import aiohttp
import pytest

from cms_operator.cluster.cache.store import Store
from cms_operator.cluster.keys import Key
from cms_operator.cluster.kinds import ALL, CHILDREN, CONFIG_MAP, DEPLOYMENT, SECRET, SERVICE, Kind
from cms_operator.cluster.transport.api_error import ApiError
from cms_operator.cluster.transport.client import KubernetesClient
from cms_operator.cluster.watching.resync import resync
from cms_operator.resources import labels


class EmptyCluster:
    """Everything was deleted, and some kinds are answered with an error."""

    def __init__(self, **errors: Exception) -> None:
        self._errors = errors

    async def request(self, _: str, path: str, **__: Any) -> Any:
        if error := self._errors.get(path.rpartition("/")[2]):
            raise error
        return {"metadata": {"resourceVersion": "9"}, "items": []}


def child_of(name: str, kind: Kind) -> dict[str, Any]:
    metadata = {
        "name": name,
        "namespace": "team-a",
        "uid": f"{kind.name}-{name}",
        "resourceVersion": "5",
        "labels": {labels.INSTANCE: name},
    }
    return {"apiVersion": kind.api_version, "kind": kind.name, "metadata": metadata}


def known() -> Store:
    store = Store()
    for name, kind in (("a", CONFIG_MAP), ("b", SERVICE), ("c", DEPLOYMENT)):
        store.put(kind, child_of(name, kind))
    return store


async def test_a_kind_that_may_not_be_listed_keeps_no_other_one_back() -> None:
    forbidden = ApiError(403, "Forbidden", "no rights")
    client, store, told = EmptyCluster(services=forbidden), known(), set[Key]()
    refused = await resync(cast(KubernetesClient, client), store, ALL, (), told.add)
    assert refused == [(SERVICE, forbidden)]
    assert told == {Key("team-a", "a"), Key("team-a", "c")}
    assert store.get(SERVICE, "team-a", "b"), "who may not look does not know that it is gone"
    assert not store.get(DEPLOYMENT, "team-a", "c")


async def test_without_an_answer_it_tells_what_it_found_before() -> None:
    client, store, told = EmptyCluster(services=aiohttp.ClientPayloadError()), known(), set[Key]()
    with pytest.raises(aiohttp.ClientPayloadError):
        await resync(
            cast(KubernetesClient, client), store, (CONFIG_MAP, SERVICE, DEPLOYMENT), (), told.add
        )
    assert told == {Key("team-a", "a")}
    assert store.get(DEPLOYMENT, "team-a", "c")


@pytest.mark.parametrize("kind", CHILDREN, ids=lambda kind: kind.name)
async def test_a_list_of_what_may_be_large_is_taken_in_few_at_a_time(kind: Kind) -> None:
    class Full:
        def __init__(self) -> None:
            self.pages: list[int] = []

        async def request(self, _: str, __: str, *, query: dict[str, str]) -> Any:
            begin = int(query.get("continue", 0))
            end = min(begin + int(query["limit"]), 60)
            self.pages.append(end - begin)
            more = {"continue": str(end)} if end < 60 else {}
            items = [child_of(f"shop-{number}", kind) for number in range(begin, end)]
            return {"metadata": {"resourceVersion": "9", **more}, "items": items}

    client, store = Full(), Store()
    await resync(cast(KubernetesClient, client), store, [kind], (), lambda _: None)
    assert max(client.pages) <= (20 if kind in (CONFIG_MAP, SECRET) else 50)
    assert len(list(store.of_kind(kind))) == 60
