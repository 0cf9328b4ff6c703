"""One Redis, a Sentinel group, a cluster: the same service, against real ones."""

from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest

from tests.service.servers import Redis, free_port, wait_until
from tests.service.world import Site, expect


@pytest.fixture
def sentinel(redis: Redis, tmp_path: Path) -> Iterator[Redis]:
    settings = tmp_path / "sentinel.conf"
    settings.write_text(f"sentinel monitor main 127.0.0.1 {redis.port} 1\n")
    server = Redis().start(str(settings), "--sentinel")
    yield server
    server.remove()


@pytest.fixture
def cluster() -> Iterator[Redis]:
    """Two nodes, half of the slots each; pods are told of the first."""
    with ExitStack() as stack:
        buses = [free_port(), free_port()]
        nodes = [Redis("--cluster-enabled", "yes", "--cluster-port", str(bus)) for bus in buses]
        for node, slots in zip(nodes, ("0 8191", "8192 16383"), strict=True):
            stack.callback(node.remove)
            node.start().command(f"CLUSTER ADDSLOTSRANGE {slots}")
        nodes[0].command(f"CLUSTER MEET 127.0.0.1 {nodes[1].port} {buses[1]}")
        for node in nodes:
            wait_until(partial(is_whole, node), "no cluster")
        yield nodes[0]


def is_whole(node: Redis) -> bool:
    return "cluster_state:ok" in node.command("CLUSTER INFO")


async def use(site: Site, **settings: str) -> None:
    """Sessions and the shared cache are what Redis is for."""
    async with site.pod(**settings) as first, site.pod(**settings) as second:
        acme, globex = await first.log_in("acme"), await first.log_in("globex")
        for desk in (acme, globex):
            await desk.make_type()
            await desk.publish_new(title=desk.tenant, slug="hello")
            for pod in (first, second):
                client = pod.client(desk.tokens["accessToken"])
                found = expect(await client.get(f"{desk.delivery}/hello"), 200)
                assert found["fields"]["title"] == desk.tenant
            token = {"refreshToken": desk.tokens["refreshToken"]}
            refresh = f"{desk.root}/auth/refresh"
            async with second.client() as client:
                newer = expect(await client.post(refresh, json=token), 200)["refreshToken"]
                expect(await client.post(refresh, json={"refreshToken": newer}), 200)
                expect(await client.post(refresh, json=token), 401)
        assert 'hcms_cache_hits_total{layer="redis"} 2.0' in second.cms.metrics.render().decode()


async def test_standalone(site: Site) -> None:
    await use(site)


async def test_sentinel_leads_to_the_master(site: Site, sentinel: Redis) -> None:
    await use(site, REDIS_URL=sentinel.url, REDIS_MODE="sentinel", REDIS_SENTINEL_MASTER="main")


async def test_a_cluster_finds_every_tenant_on_its_node(site: Site, cluster: Redis) -> None:
    await use(site, REDIS_URL=cluster.url, REDIS_MODE="cluster")
