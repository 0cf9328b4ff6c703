"""What Prometheus finds after real requests, and that nobody can make it grow."""

import asyncio
import time
from collections.abc import Iterable

import httpx
from prometheus_client.metrics_core import Metric
from prometheus_client.samples import Sample

from tests.service.waiting import until
from tests.service.world import PASSWORD, Desk, Pod, Site, expect, owner_email

# The six that the CMS was asked for, then the pools and queues. Each series must be more than 0
# after use, or be there at all where it counts what should not happen.
SEEN = {
    "request duration": ("hcms_http_request_duration_seconds_count", {"method": "GET"}),
    "request count": ("hcms_http_requests_total", {"status": "200"}),
    "error rate": ("hcms_http_requests_total", {"status": "503"}),
    "database query duration": (
        "hcms_db_query_duration_seconds_count",
        {"operation": "delivery.list"},
    ),
    "database query duration without a request": (
        "hcms_db_query_duration_seconds_count",
        {"operation": "schedules.due"},
    ),
    "requests of a tenant": ("hcms_tenant_requests_total", {"tenant": "acme", "status": "2xx"}),
    "cache hits in memory": ("hcms_cache_hits_total", {"layer": "memory"}),
    "cache misses in memory": ("hcms_cache_misses_total", {"layer": "memory"}),
    "cache hits in Redis": ("hcms_cache_hits_total", {"layer": "redis"}),
    "cache misses in Redis": ("hcms_cache_misses_total", {"layer": "redis"}),
    "single flight": ("hcms_cache_loads_joined_total", {}),
    "database pool's size": ("hcms_db_pool_size", {"database": "primary"}),
    "database pool's idle": ("hcms_db_pool_connections", {"database": "primary", "state": "idle"}),
    "Redis command duration": ("hcms_redis_command_duration_seconds_count", {"command": "EVAL"}),
    "Redis pool's size": ("hcms_redis_pool_size", {}),
    "Redis pool's idle": ("hcms_redis_pool_connections", {"state": "idle"}),
    "argon2's threads": ("hcms_argon2_threads", {}),
}
AT_REST = {
    "active connections": ("hcms_active_connections", {}),
    "requests in progress": ("hcms_http_requests_in_progress", {}),
    "loads in progress": ("hcms_cache_loads_in_progress", {}),
    "database pool's use": ("hcms_db_pool_connections", {"database": "primary", "state": "used"}),
    "database pool's queue": ("hcms_db_pool_waiting", {"database": "primary"}),
    "database pool's refusals": ("hcms_db_pool_rejected_total", {"database": "primary"}),
    "Redis pool's use": ("hcms_redis_pool_connections", {"state": "used"}),
    "Redis pool's queue": ("hcms_redis_pool_waiting", {}),
    "Redis pool's refusals": ("hcms_redis_pool_rejected_total", {}),
    "argon2's work": ("hcms_argon2_running", {}),
    "argon2's queue": ("hcms_argon2_waiting", {}),
    "argon2's refusals": ("hcms_argon2_rejected_total", {}),
}
USED = AT_REST["Redis pool's use"]


def samples(pod: Pod) -> list[Sample]:
    metrics: Iterable[Metric] = pod.cms.metrics.registry.collect()
    return [sample for metric in metrics for sample in metric.samples]


def value(pod: Pod, name: str, labels: dict[str, str]) -> float | None:
    """The sum of all series with these labels among theirs; None where there are none."""
    found = [
        sample.value
        for sample in samples(pod)
        if sample.name == name and labels.items() <= sample.labels.items()
    ]
    return sum(found) if found else None


async def use(site: Site, pod: Pod) -> Desk:
    """Every kind of answer, cached and not, with an error of ours among them."""
    acme = await pod.log_in("acme")
    await acme.make_type()
    await acme.publish_new(title="Hello", slug="hello")
    async with site.pod() as other:
        reader = other.client(acme.tokens["accessToken"])
        expect(await reader.get(f"{acme.delivery}/hello"), 200)
    page = f"{acme.delivery}/hello"
    expect(await acme.client.get(page), 200)
    expect(await acme.client.get(page), 200)
    lists = (acme.client.get(acme.delivery) for _ in range(3))
    assert {answer.status_code for answer in await asyncio.gather(*lists)} == {200}
    await pod.cms.background.run_once()
    return acme


async def test_each_figure_of_the_document_is_there_after_real_requests(site: Site) -> None:
    async with site.pod() as pod:
        await use(site, pod)
        async with site.pod(REDIS_URL="redis://127.0.0.1:1/0") as broken, broken.client() as client:
            login = {"email": owner_email("acme"), "password": PASSWORD}
            expect(await client.post("/v1/tenants/acme/auth/login", json=login), 503)
            errors = value(broken, *SEEN["error rate"])
        # Redis is told of requests a little after their answers.
        await until(
            lambda: bool(value(pod, *SEEN["Redis pool's idle"])) and not value(pod, *USED),
            "the connections to Redis are idle",
        )
        wrong = {name: value(pod, *series) for name, series in SEEN.items()} | {
            "error rate": errors
        }
        resting = {name: value(pod, *series) for name, series in AT_REST.items()}
    assert {name for name, found in wrong.items() if not found} == set()
    assert resting == dict.fromkeys(AT_REST, 0.0)


async def test_each_tenants_requests_are_counted_for_itself_alone(site: Site) -> None:
    async with site.pod() as pod:
        acme, other = await pod.log_in("acme"), await pod.log_in("globex")
        await acme.make_type()
        for path in (acme.root, f"{acme.entries}/nothing", other.root):
            await acme.client.get(path)
        await other.client.get(f"{acme.delivery}/hello")
        counted = {
            (sample.labels["tenant"], sample.labels["status"]): sample.value
            for sample in samples(pod)
            if sample.name == "hcms_tenant_requests_total"
        }
    assert counted == {("acme", "2xx"): 2, ("acme", "4xx"): 1}


async def test_a_request_took_some_of_the_time_in_which_it_was_made(pod: Pod) -> None:
    started = time.monotonic()
    async with pod.client() as client:
        for _ in range(3):
            await client.get("/health")
    elapsed = time.monotonic() - started
    counted = value(pod, "hcms_http_request_duration_seconds_sum", {})
    assert counted is not None
    assert 0 < counted <= elapsed


HOSTILE_METHODS = ["BREW", "get", "PROPFIND", "X" * 200, "TRACE", "CONNECT"]
HOSTILE_PATHS = [
    "/{n}",
    "/v1/delivery/{n}/article",
    "/v1/delivery/acme/article/{n}",
    "/v1/delivery/acme/{n}",
    "/v1/delivery/acme/article/%00{n}",
    "/v1/tenants/{n}/users",
    "/v1/tenants/acme/search?q={n}&type=t{n}",
    "/v1/tenants/acme/audit-log?action=a{n}",
    "/v1/tenants/acme/content-types/{n}/bin",
    "/v1/tenants/acme/content-types/{n}/bulk/{n}",
    "/v1/tenants/acme/content-types/{n}/entries/00000000-0000-0000-0000-00000000000{n}",
    "/v1/tenants/acme/content-types/article/entries/{n}/versions/{n}",
    '/v1/tenants/acme"}} 1/{n}',
    "/health/../../etc/{n}",
    "/health?status={n}",
    "/v1/tenants/acme/users/%F0%9F%92%A9{n}",
]


async def storm(client: httpx.AsyncClient, number: int) -> None:
    headers = {"X-Request-Id": f"id-{number}", "traceparent": f"00-{number:032x}-{1:016x}-01"}
    for method in ["GET", "POST", *HOSTILE_METHODS]:
        for path in HOSTILE_PATHS:
            await client.request(method, path.format(n=number), headers=headers)


async def test_no_client_can_make_a_series(site: Site) -> None:
    async with site.pod() as pod:
        acme = await use(site, pod)
        await storm(acme.client, 1)
        before = {(sample.name, *sorted(sample.labels.items())) for sample in samples(pod)}
        for number in range(2, 6):
            await storm(acme.client, number)
        after = {(sample.name, *sorted(sample.labels.items())) for sample in samples(pod)}
    assert after == before
    methods = {sample.labels["method"] for sample in samples(pod) if "method" in sample.labels}
    assert methods <= {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "OTHER"}
    assert all(len(text) < 100 for sample in samples(pod) for text in sample.labels.values())
