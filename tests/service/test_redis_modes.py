"""One Redis, a Sentinel group, a cluster: the same service, against real ones, and what it does
while they lose a server.
"""

import asyncio
import gc
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import asyncpg
import httpx
import pytest
import uvloop

from cms_service.core.redis.store import RedisStore
from cms_service.core.telemetry.metrics import Metrics
from cms_service.core.telemetry.tracing import UNTRACED
from tests.service.proxy import Proxy
from tests.service.servers import Redis, wait_until
from tests.service.test_shared_answers import FIRST, LARGE, SECOND, key
from tests.service.waiting import served, until
from tests.service.world import PASSWORD, TENANTS, Desk, Pod, Site, expect, owner_email
from tests.support.ports import free_port

SENTINELS = 3
MASTERS = 3
LAST_SLOT = 16383


@dataclass
class Group:
    """A master, its replica, and the sentinels that watch them."""

    master: Redis
    replica: Redis
    sentinels: list[Redis]

    @property
    def settings(self) -> dict[str, str]:
        hosts = ",".join(sentinel.url.removesuffix("/0") for sentinel in self.sentinels)
        return {"REDIS_URL": hosts, "REDIS_MODE": "sentinel", "REDIS_SENTINEL_MASTER": "main"}

    def wait_until_copied(self) -> None:
        written = offset(self.master, "master_repl_offset")
        wait_until(lambda: offset(self.replica, "slave_repl_offset") >= written, "not copied")

    def ask_for_failover(self) -> None:
        """It has no good replica to choose until it has heard of it lately."""
        ask = partial(self.sentinels[0].command, "SENTINEL FAILOVER main")
        wait_until(lambda: "+OK" in ask(), "no failover")


@pytest.fixture
def group(tmp_path: Path) -> Iterator[Group]:
    with ExitStack() as stack:
        master = started(stack, Redis())
        replica = started(stack, Redis("--replicaof", f"127.0.0.1 {master.port}"))
        wait_until(lambda: "master_link_status:up" in replica.command("INFO"), "no replica")
        sentinels = [Redis() for _ in range(SENTINELS)]
        for number, sentinel in enumerate(sentinels):
            settings = tmp_path / f"sentinel-{number}.conf"
            settings.write_text(
                f"sentinel myid {number:040x}\n"
                f"sentinel monitor main 127.0.0.1 {master.port} 2\n"
                # A server that is only slow is not lost.
                "sentinel down-after-milliseconds main 2000\n"
                "sentinel failover-timeout main 1000\n"
                f"sentinel known-replica main 127.0.0.1 {replica.port}\n"
                # They would find one another by themselves, in 7 s.
                + "".join(
                    f"sentinel known-sentinel main 127.0.0.1 {other.port} {each:040x}\n"
                    for each, other in enumerate(sentinels)
                    if each != number
                )
            )
            stack.callback(sentinel.remove)
            sentinel.start(str(settings), "--sentinel")
        for sentinel in sentinels:
            wait_until(partial(knows_all, sentinel), "the sentinels do not know one another")
        yield Group(master, replica, sentinels)


def started(stack: ExitStack, server: Redis) -> Redis:
    stack.callback(server.remove)
    return server.start()


def offset(server: Redis, name: str) -> int:
    """How far its stream of writes has come."""
    lines = server.command("INFO replication").splitlines()
    (value,) = (line.partition(":")[2] for line in lines if line.startswith(f"{name}:"))
    return int(value)


def knows_all(sentinel: Redis) -> bool:
    status = sentinel.command("INFO")
    return f"slaves=1,sentinels={SENTINELS}" in status


def is_master(server: Redis) -> bool:
    try:
        return "role:master" in server.command("INFO replication")
    except OSError:  # a server that becomes one ends its connections
        return False


@dataclass
class Cluster:
    """Masters with a third of the slots each, and one replica without a master as yet."""

    masters: list[Redis]
    spare: Redis

    @property
    def settings(self) -> dict[str, str]:
        hosts = ",".join(node.url.removesuffix("/0") for node in self.masters)
        return {"REDIS_URL": hosts, "REDIS_MODE": "cluster"}

    def node_of(self, key: str) -> Redis:
        slot = int(self.masters[0].command(f"CLUSTER KEYSLOT {key}").strip().removeprefix(":"))
        return self.masters[slot * MASTERS // (LAST_SLOT + 1)]

    def back_up(self, node: Redis) -> None:
        """Let the spare node take its place should it be lost."""
        identity = node.command("CLUSTER MYID").split()[1]
        wait_until(
            lambda: "+OK" in self.spare.command(f"CLUSTER REPLICATE {identity}"), "no such node"
        )
        wait_until(lambda: "master_link_status:up" in self.spare.command("INFO"), "no replica")


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    with ExitStack() as stack:
        buses = [free_port() for _ in range(MASTERS + 1)]
        nodes = [
            started(
                stack,
                Redis(
                    *("--cluster-enabled", "yes", "--cluster-port", str(bus)),
                    *("--cluster-node-timeout", "2000", "--cluster-replica-validity-factor", "0"),
                    *("--cluster-require-full-coverage", "no"),
                ),
            )
            for bus in buses
        ]
        *masters, spare = nodes
        edges = [-(-number * (LAST_SLOT + 1) // MASTERS) for number in range(MASTERS + 1)]
        for number, node in enumerate(masters):
            node.command(f"CLUSTER SET-CONFIG-EPOCH {number + 1}")
            node.command(f"CLUSTER ADDSLOTSRANGE {edges[number]} {edges[number + 1] - 1}")
        for node, bus in zip(nodes[1:], buses[1:], strict=True):
            nodes[0].command(f"CLUSTER MEET 127.0.0.1 {node.port} {bus}")
        for node in nodes:
            wait_until(partial(is_whole, node), "no cluster")
        yield Cluster(masters, spare)
        gc.collect()  # within the tests that expect its warnings


def is_whole(node: Redis) -> bool:
    status = node.command("CLUSTER INFO")
    return all(
        line in status
        for line in (
            "cluster_state:ok",
            f"cluster_slots_ok:{LAST_SLOT + 1}",
            f"cluster_known_nodes:{MASTERS + 1}",
        )
    )


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
                await pod.cms.shared_answers.close()
            token = {"refreshToken": desk.tokens["refreshToken"]}
            refresh = f"{desk.root}/auth/refresh"
            async with second.client() as client:
                newer = expect(await client.post(refresh, json=token), 200)["refreshToken"]
                expect(await client.post(refresh, json={"refreshToken": newer}), 200)
                expect(await client.post(refresh, json=token), 401)
        assert 'hcms_cache_hits_total{layer="redis"} 2.0' in second.cms.metrics.render().decode()
        await share_answers_of_several_tenants_at_once(first, second)
        # Redis is told of requests a little after their answers.
        await until(lambda: bool(idle_connections(second)), "a connection is idle")


def idle_connections(pod: Pod) -> float | None:
    state = {"state": "idle"}
    return pod.cms.metrics.registry.get_sample_value("hcms_redis_pool_connections", state)


async def share_answers_of_several_tenants_at_once(first: Pod, second: Pod) -> None:
    left = [(tenant, size) for tenant in (FIRST, SECOND) for size in (1, len(LARGE))]
    for tenant, size in left:
        first.cms.shared_answers.put(tenant, key(tenant, size), LARGE[:size])
    await first.cms.shared_answers.close()
    gets = [second.cms.shared_answers.get(tenant, key(tenant, size)) for tenant, size in left]
    assert await asyncio.gather(*gets) == [LARGE[:size] for _, size in left]


async def test_one_redis_holds_what_pods_share(site: Site) -> None:
    await use(site)


def test_a_connection_that_was_lost_while_nobody_used_it_is_made_anew(site: Site) -> None:
    """The event loop is the service's, whose closed connections say so in their own way."""

    async def scenario() -> None:
        async with Proxy(site.redis.port).running() as proxy:
            settings = site.settings(REDIS_URL=f"redis://127.0.0.1:{proxy.port}/0")
            redis = RedisStore.from_settings(settings, Metrics(""), UNTRACED, time.monotonic)
            await redis.ping()
            proxy.reset()
            await asyncio.sleep(0.1)
            await redis.ping()
            await redis.close()

    uvloop.run(scenario())


async def test_sentinel_leads_to_the_master(site: Site, group: Group) -> None:
    await use(site, **group.settings)


async def test_a_cluster_finds_every_tenant_on_its_node(site: Site, cluster: Cluster) -> None:
    await use(site, **cluster.settings)


@dataclass
class Load:
    """Readers and people with sessions, who go on through whatever happens to Redis."""

    pod: Pod
    desks: list[Desk]
    refreshed: dict[str, int] = field(default_factory=dict)
    refused: int = 0
    read: int = 0
    stopped: bool = False

    async def read_on(self, desk: Desk) -> None:
        """Content nobody has cached yet as well: Redis is asked for it."""
        while not self.stopped:
            expect(await desk.client.patch(desk.root, json={"displayName": "Another"}), 200)
            expect(await desk.client.get(f"{desk.delivery}/hello"), 200)
            self.read += 1

    async def stay_logged_in(self, desk: Desk) -> None:
        """Each token is used until it is answered. One whose answer was lost with a server that
        had not told its replica of it ends the session, and its user logs in again.
        """
        login = {"email": owner_email(desk.tenant), "password": PASSWORD}
        token: str | None = desk.tokens["refreshToken"]
        async with self.pod.client() as client:
            while not self.stopped:
                if token is None:
                    answer = await client.post(f"{desk.root}/auth/login", json=login)
                else:
                    answer = await client.post(
                        f"{desk.root}/auth/refresh", json={"refreshToken": token}
                    )
                token = self._note(desk, answer, token)
                await asyncio.sleep(0.01)

    def _note(self, desk: Desk, answer: httpx.Response, token: str | None) -> str | None:
        if answer.status_code == 200:
            self.refreshed[desk.tenant] = self.refreshed.get(desk.tenant, 0) + 1
            new: str = answer.json()["refreshToken"]
            return new
        if answer.status_code == 401 and token is not None:
            return None
        expect(answer, 503)
        assert answer.headers["retry-after"] == "1"
        self.refused += 1
        return token

    async def until_all_refresh(self, times: int = 3) -> None:
        before = dict(self.refreshed)
        await self.until(
            lambda: all(
                self.refreshed.get(tenant, 0) >= before.get(tenant, 0) + times for tenant in TENANTS
            )
        )

    async def until(self, true: Callable[[], bool]) -> None:
        def true_of_what_goes_on() -> bool:
            self.check()
            return true()

        await until(true_of_what_goes_on, "as many refreshes as wanted", 60)

    def check(self) -> None:
        for task in self.tasks:
            if task.done():
                task.result()

    tasks: list[asyncio.Task[None]] = field(default_factory=list)


@asynccontextmanager
async def load(site: Site, **settings: str) -> AsyncIterator[Load]:
    async with site.pod(**settings) as pod:
        desks = [await pod.log_in(tenant) for tenant in TENANTS]
        for desk in desks:
            await desk.make_type()
            await desk.publish_new(title="Hello", slug="hello")
        running = Load(pod, desks)
        running.tasks = [
            asyncio.create_task(work(desk))
            for desk in desks
            for work in (running.read_on, running.stay_logged_in)
        ]
        try:
            await running.until_all_refresh()
            yield running
            running.check()
        finally:
            running.stopped = True
            await asyncio.gather(*running.tasks)


@pytest.mark.parametrize("cause", ["killed", "asked for"])
async def test_a_failover_under_load_costs_no_reader_and_heals_by_itself(
    site: Site, group: Group, cause: str
) -> None:
    async with load(site, **group.settings) as running:
        if cause == "killed":
            group.master.stop()
            await running.until(lambda: running.refused > 0)
        else:
            group.ask_for_failover()
        await running.until(lambda: is_master(group.replica))
        await running.until_all_refresh()
        before = running.read
        await running.until(lambda: running.read > before)
        # A connection from before may still fail once.
        await running.until(lambda: "hcms_redis_up 1.0" in metrics_of(running.pod))


def metrics_of(pod: Pod) -> str:
    return pod.cms.metrics.render().decode()


@pytest.mark.usefixtures("as_shipped")
async def test_a_sentinel_that_is_silent_keeps_nobody_from_what_the_others_know(
    site: Site, group: Group
) -> None:
    """Its node is lost, and with it often the master."""
    login = {"email": owner_email("acme"), "password": PASSWORD}
    group.sentinels[0].freeze()
    async with site.pod(**group.settings) as pod, pod.client() as client:
        await served(lambda: client.post("/v1/tenants/acme/auth/login", json=login))


async def test_sessions_outlive_a_failover(site: Site, group: Group) -> None:
    async with site.pod(**group.settings) as pod:
        acme = await pod.log_in("acme")
        refresh = f"{acme.root}/auth/refresh"
        used, newest = acme.tokens["refreshToken"], None
        async with pod.client() as client:
            answer = expect(await client.post(refresh, json={"refreshToken": used}), 200)
            newest = answer["refreshToken"]
            group.wait_until_copied()
            group.master.stop()
            answer = await served(lambda: client.post(refresh, json={"refreshToken": newest}), 60)
            last = expect(answer, 200)["refreshToken"]
            # What was used up before is used up after: it ends the session.
            expect(await client.post(refresh, json={"refreshToken": used}), 401)
            expect(await client.post(refresh, json={"refreshToken": last}), 401)


# Connections that redis-py's client of a cluster was making when it lost a node are closed by the
# garbage collector.
left_to_the_collector = pytest.mark.filterwarnings(
    "ignore:unclosed:ResourceWarning", "ignore:loop is closed:ResourceWarning"
)


@left_to_the_collector
async def test_a_lost_node_of_a_cluster_is_replaced_under_load(
    site: Site, cluster: Cluster
) -> None:
    connection = await asyncpg.connect(site.postgres.superuser_url(site.database))
    tenant_id = await connection.fetchval("SELECT id FROM cms.tenants WHERE name = 'acme'")
    await connection.close()
    lost = cluster.node_of(f"hcms:{{{tenant_id}}}:any")
    cluster.back_up(lost)
    async with load(site, **cluster.settings) as running:
        lost.stop()
        await running.until(lambda: running.refused > 0)
        await running.until(lambda: is_master(cluster.spare))
        await running.until_all_refresh()
        before = running.read
        await running.until(lambda: running.read > before)


@left_to_the_collector
async def test_a_cluster_that_was_away_altogether_is_found_again(
    site: Site, cluster: Cluster
) -> None:
    login = {"email": owner_email("acme"), "password": PASSWORD}
    async with site.pod(**cluster.settings) as pod, pod.client() as client:
        await pod.log_in("acme")
        for node in cluster.masters:
            node.stop()
        for _ in range(3):
            expect(await client.post("/v1/tenants/acme/auth/login", json=login), 503)
            expect(await client.get("/health"), 200)
            await asyncio.sleep(1)  # the pause of the service after a failure
        for node in cluster.masters:
            node.start()
        await served(lambda: client.post("/v1/tenants/acme/auth/login", json=login), 60)
        await pod.log_in("acme")
