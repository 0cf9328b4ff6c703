"""No client and no tenant gets more than its share, from all pods together."""

import re
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from cms_service.core.rate_limiting import gcra, rate_limits
from cms_service.core.rate_limiting.buckets import Buckets
from cms_service.core.rate_limiting.gcra import SECOND, Rule
from tests.service.servers import Redis
from tests.service.world import Desk, Pod, Site, expect, expect_problem


@asynccontextmanager
async def published(site: Site, **settings: str) -> AsyncIterator[tuple[Pod, Desk]]:
    """A pod, its tenant's owner, and an entry that is in the cache of a pod of the same site."""
    async with site.pod(RATE_LIMIT_DELIVERY_CLIENT="0", RATE_LIMIT_DELIVERY_TENANT="0") as first:
        desk = await first.log_in("acme")
        await desk.make_type()
        await desk.publish_new(title="Hello", slug="hello")
    async with site.pod(**settings) as pod:
        yield pod, Desk(pod.client(desk.tokens["accessToken"]), "acme", desk.tokens)


async def test_who_asks_too_often_is_told_how_often_and_when_again(site: Site) -> None:
    async with site.pod(RATE_LIMIT_MANAGEMENT_CLIENT="2") as pod:
        acme = await pod.log_in("acme")
        for left in (1, 0):
            answer = await acme.client.get(acme.root)
            expect(answer, 200)
            assert answer.headers["ratelimit-policy"] == '"client";q=2;w=60, "tenant";q=300000;w=60'
            state = r'"client";r=(\d);t=\d+, "tenant";r=\d+;t=\d'
            found = re.fullmatch(state, answer.headers["ratelimit"])
            assert found
            assert int(found[1]) == left
        answer = await acme.client.get(acme.root)
        problem = expect_problem(answer, 429)
        assert problem["type"] == "urn:headlesscms:problem:too-many-requests"
        assert 1 <= int(answer.headers["retry-after"]) <= 30
        assert answer.headers["ratelimit"].startswith('"client";r=0;t=')


async def test_a_refused_request_does_nothing_and_costs_others_nothing(site: Site) -> None:
    async with site.pod(RATE_LIMIT_MANAGEMENT_CLIENT="4") as pod:
        acme = await pod.log_in("acme")
        await acme.make_type()
        editor = await pod.log_in("acme", await acme.hire("editor"))
        for _ in range(2):
            await acme.draft(title="Counts")
        expect_problem(await acme.client.post(acme.entries, json={"fields": {}}), 429)
        assert len(expect(await editor.client.get(editor.entries), 200)["items"]) == 2


async def test_a_request_that_is_sent_again_with_its_key_counts_again_and_once(site: Site) -> None:
    async with site.pod(RATE_LIMIT_MANAGEMENT_CLIENT="4") as pod:
        acme = await pod.log_in("acme")
        await acme.make_type()
        named = {"Idempotency-Key": "one"}
        statuses = [
            (await acme.client.post(acme.entries, json={"fields": {}}, headers=named)).status_code
            for _ in range(4)
        ]
        assert statuses == [201] * 3 + [429]


async def test_a_tenant_that_floods_takes_nothing_from_another(site: Site, globex: Desk) -> None:
    async with site.pod(RATE_LIMIT_MANAGEMENT_TENANT="3") as pod:
        acme = await pod.log_in("acme")
        statuses = [(await acme.client.get(acme.root)).status_code for _ in range(6)]
        assert statuses == [200] * 3 + [429] * 3
        other = pod.client(globex.tokens["accessToken"])
        expect(await other.get(globex.root), 200)


async def test_pods_count_together_with_a_small_and_bounded_error(site: Site) -> None:
    quota, pods = 100, 2
    limits = {"RATE_LIMIT_DELIVERY_CLIENT": str(quota)}
    async with published(site, **limits) as (_, first), site.pod(**limits) as other:
        second = other.client(first.tokens["accessToken"])
        started = time.monotonic()
        statuses: Counter[int] = Counter()
        for _ in range(quota):
            for client in (first.client, second):
                statuses[(await client.get(f"{first.delivery}/hello")).status_code] += 1
        elapsed = time.monotonic() - started
    assert statuses.keys() <= {200, 429}
    assert quota <= statuses[200] <= quota + pods + elapsed * quota / 60 + 1


async def test_a_cached_answer_waits_for_no_redis(
    site: Site, own_redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rate_limits, "_TELL_SECONDS", 3600)
    async with published(site, REDIS_URL=own_redis.url) as (pod, acme):
        expect(await acme.client.get(f"{acme.delivery}/hello"), 200)
        await pod.cms.shared_answers.close()
        own_redis.command("CONFIG RESETSTAT")
        for _ in range(100):
            expect(await acme.client.get(f"{acme.delivery}/hello"), 200)
        assert "cmdstat_eval" not in own_redis.command("INFO commandstats")
    assert "cmdstat_eval:calls=2" in own_redis.command("INFO commandstats"), "told at the end"


async def test_public_readers_are_counted_for_their_tenant(site: Site) -> None:
    async with published(site, RATE_LIMIT_DELIVERY_TENANT="2") as (pod, acme):
        await acme.open_to_the_public()
        async with pod.client() as anyone:
            for _ in range(2):
                answer = await anyone.get(f"{acme.delivery}/hello")
                expect(answer, 200)
                assert answer.headers["ratelimit-policy"] == '"tenant";q=2;w=60'
            expect_problem(await anyone.get(f"{acme.delivery}/hello"), 429)


async def test_zero_is_no_limit(site: Site) -> None:
    none = {"RATE_LIMIT_DELIVERY_CLIENT": "0", "RATE_LIMIT_DELIVERY_TENANT": "0"}
    async with published(site, **none) as (_, acme):
        answer = await acme.client.get(f"{acme.delivery}/hello")
        expect(answer, 200)
        assert "ratelimit" not in answer.headers
        assert "ratelimit-policy" not in answer.headers


async def test_without_redis_each_pod_keeps_to_the_limit_by_itself(
    site: Site, own_redis: Redis
) -> None:
    limits = {"RATE_LIMIT_DELIVERY_CLIENT": "3", "REDIS_URL": own_redis.url}
    async with published(site, **limits) as (_, acme):
        url = f"{acme.delivery}/hello"
        expect(await acme.client.get(url), 200)
        own_redis.stop()
        async with site.pod(**limits) as other:
            elsewhere = other.client(acme.tokens["accessToken"])
            for client, left in ((acme.client, 2), (elsewhere, 3)):
                statuses = [(await client.get(url)).status_code for _ in range(left + 1)]
                assert statuses == [200] * left + [429]
            own_redis.start()
            await other.find_redis_again()
            expect_problem(await elsewhere.get(url), 429)


async def test_redis_counts_as_a_single_process_would(pod: Pod) -> None:
    rule = Rule(burst=3, interval=1000 * SECOND)
    key = "hcms:{a}:test"
    buckets = Buckets(pod.cms.redis, lambda: 0)
    tat = 0
    for _ in range(rule.burst):
        assert await buckets.take(key, rule, rule) == 0
        tat = gcra.take(rule, tat, 0) or 0
    assert 0 < await buckets.take(key, rule, rule) <= gcra.retry_after(rule, tat, 0)
    await buckets.give_back(key, rule, rule)
    assert await buckets.take(key, rule, rule) == 0
    assert await buckets.charge(key, rule, 2) > rule.window
    # A clock that was set back keeps nobody out for longer than one more window.
    await buckets.charge(key, rule, 100)
    assert await buckets.charge(key, rule, 0) <= 2 * rule.window
    assert await buckets.charge(key, rule, -100) == 0
