"""The layer of the cache that all pods share, on a real Redis."""

import asyncio
import re
from collections.abc import AsyncIterator
from uuid import UUID

import pytest

from cms_service.auth.sessions import Session, Sessions
from cms_service.core.caching.shared_answers import SharedAnswers
from cms_service.core.rate_limiting import gcra
from cms_service.core.rate_limiting.buckets import Buckets
from cms_service.core.rate_limiting.gcra import Rule
from cms_service.core.redis.store import RedisAwayError
from tests.service.servers import Redis
from tests.service.world import Pod, Site
from tests.support.compose_files import DEPLOY

FIRST, SECOND = UUID(int=1), UUID(int=2)
LARGE = bytes(range(256)) * 400


def key(tenant: UUID, name: object) -> str:
    return f"hcms:{{{tenant}}}:cache:1:{name}"


@pytest.fixture
async def own_pod(site: Site, own_redis: Redis) -> AsyncIterator[Pod]:
    async with site.pod(REDIS_URL=own_redis.url) as pod:
        yield pod


@pytest.fixture
def answers(own_pod: Pod) -> SharedAnswers:
    return own_pod.cms.shared_answers


def calls(redis: Redis, command: str) -> int:
    lines = redis.command("INFO", "commandstats").splitlines()
    found = [line for line in lines if line.startswith(f"cmdstat_{command}:")]
    return int(found[0].split("calls=")[1].split(",")[0]) if found else 0


async def test_what_one_moment_leaves_and_asks_for_is_one_call_whatever_the_tenants(
    own_redis: Redis, answers: SharedAnswers
) -> None:
    for tenant in (FIRST, SECOND):
        for number in range(50):
            answers.put(tenant, key(tenant, number), b"%d of %d" % (number, tenant.int))
        answers.put(tenant, key(tenant, "large"), LARGE)
    await answers.close()
    found = await asyncio.gather(
        *(answers.get(tenant, key(tenant, n)) for tenant in (FIRST, SECOND) for n in range(51))
    )
    assert found == [
        b"%d of %d" % (number, tenant.int) if number < 50 else None
        for tenant in (FIRST, SECOND)
        for number in range(51)
    ]
    assert calls(own_redis, "eval") == 2
    assert await answers.get(FIRST, key(FIRST, "large")) == LARGE
    assert 0 < int(own_redis.command("TTL", key(FIRST, 0)).strip(": \r\n")) <= 300


async def test_who_gives_up_takes_nothing_from_the_others(answers: SharedAnswers) -> None:
    answers.put(FIRST, key(FIRST, "a"), b"content")
    impatient, patient = [
        asyncio.ensure_future(answers.get(FIRST, key(FIRST, "a"))) for _ in range(2)
    ]
    await asyncio.sleep(0)
    impatient.cancel()
    assert await patient == b"content"


async def test_more_than_may_wait_is_not_kept(own_redis: Redis, answers: SharedAnswers) -> None:
    for number in range(20):
        answers.put(FIRST, key(FIRST, number), b"x" * 1024 * 1024)
    await answers.close()
    assert calls(own_redis, "set") == 8
    answers.put(FIRST, key(FIRST, "later"), b"there is room again")
    assert await answers.get(FIRST, key(FIRST, "later")) == b"there is room again"


async def test_a_full_redis_is_still_read(own_redis: Redis, answers: SharedAnswers) -> None:
    answers.put(FIRST, key(FIRST, "a"), b"before")
    await answers.close()
    own_redis.command("CONFIG", "SET", "maxmemory", "1")
    answers.put(FIRST, key(FIRST, "b"), b"too late")
    assert await answers.get(FIRST, key(FIRST, "a")) == b"before"
    assert await answers.get(FIRST, key(FIRST, "b")) is None


async def test_a_full_redis_refuses_what_is_too_much_and_nothing_else(
    own_redis: Redis, own_pod: Pod
) -> None:
    store = own_pod.cms.redis
    await store.set("a", b"before", 60)
    own_redis.command("CONFIG", "SET", "maxmemory", "1", "maxmemory-policy", "noeviction")
    for _ in range(2):
        for refused in (
            store.set("b", b"too much", 60),
            store.set_many({"b": b"too much"}, 60),
            store.run_script("return redis.call('SET', KEYS[1], ARGV[1])", "b", "too much"),
        ):
            with pytest.raises(RedisAwayError):
                await refused
            assert await store.get("a") == b"before"
    assert "hcms_redis_up 1.0" in own_pod.cms.metrics.render().decode()
    own_redis.command("CONFIG", "SET", "maxmemory", "0")
    await store.set("b", b"there is room again", 60)


# Whoever used it up may come again before a cache expires.
RULE = Rule(burst=1, interval=200 * gcra.SECOND)


async def test_caches_that_fill_redis_push_each_other_out_and_no_session_nor_used_bucket(
    own_redis: Redis, own_pod: Pod
) -> None:
    """Redis is configured by deploy/redis.conf, with less memory."""
    for name, value in re.findall(
        r"(?m)^(maxmemory-\w+) (\S+)$", (DEPLOY / "redis.conf").read_text()
    ):
        own_redis.command("CONFIG", "SET", name, value)
    store, answers = own_pod.cms.redis, own_pod.cms.shared_answers
    sessions = Sessions(store, 14 * 86_400, 90 * 86_400)
    issued = [await sessions.start(FIRST, Session(FIRST, 1)) for _ in range(200)]
    buckets = Buckets(store, lambda: 0)
    used_up = [f"bucket-{number}" for number in range(200)]
    assert {await buckets.take(each, RULE, RULE) for each in used_up} == {0}
    used = int(re.findall(r"used_memory:(\d+)", own_redis.command("INFO", "memory"))[0])
    own_redis.command("CONFIG", "SET", "maxmemory", str(used + 8 * 1024 * 1024))
    for number in range(1000):
        answers.put(FIRST, key(FIRST, number), LARGE)
        if number % 50 == 0:
            await answers.close()
    await answers.close()
    evicted = int(re.findall(r"evicted_keys:(\d+)", own_redis.command("INFO", "stats"))[0])
    assert evicted > 500
    assert None not in [await sessions.peek(FIRST, each.token) for each in issued]
    assert 0 not in [await buckets.take(each, RULE, RULE) for each in used_up]


async def test_a_lost_redis_is_told_to_whoever_asks_it(
    own_redis: Redis, answers: SharedAnswers
) -> None:
    own_redis.stop()
    answers.put(FIRST, key(FIRST, "a"), b"nowhere")
    for outcome in await asyncio.gather(
        *(answers.get(FIRST, key(FIRST, n)) for n in range(3)), return_exceptions=True
    ):
        assert isinstance(outcome, RedisAwayError)
    await answers.close()
