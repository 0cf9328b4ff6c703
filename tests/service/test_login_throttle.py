"""Guessing becomes slow, on all pods together; whoever knows the password gets in."""

from collections.abc import AsyncIterator

import httpx
import pytest

from cms_service.auth import throttle
from cms_service.core.rate_limiting.gcra import SECOND, Rule
from cms_service.core.validation.email import folded
from tests.service.servers import Redis
from tests.service.world import PASSWORD, Pod, Site, expect, expect_problem, owner_email

LOGIN = "/v1/tenants/acme/auth/login"
STRANGER, OWNER = "203.0.113.66", "198.51.100.1"


async def try_to_log_in(
    pod: Pod, address: str, password: str, email: str = "", **headers: str
) -> httpx.Response:
    body = {"email": email or owner_email("acme"), "password": password}
    async with pod.client(address=address) as client:
        return await client.post(LOGIN, json=body, headers=headers)


REAL_BY_EMAIL, REAL_BY_CLIENT = throttle.BY_EMAIL, throttle.BY_CLIENT
# Nothing comes back while a test runs, however slow the machine is.
_INTERVAL = 1000 * SECOND
BY_EMAIL = Rule(throttle.BY_EMAIL.burst, _INTERVAL)
BY_CLIENT = Rule(throttle.BY_CLIENT.burst, _INTERVAL)
ALONE = Rule(throttle.ALONE.burst, _INTERVAL)


def test_one_client_leaves_half_of_an_e_mails_rate_to_others() -> None:
    assert REAL_BY_CLIENT.interval >= 2 * REAL_BY_EMAIL.interval
    assert REAL_BY_EMAIL.interval <= 5 * SECOND


@pytest.fixture(autouse=True)
def _no_time_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, rule in {"BY_EMAIL": BY_EMAIL, "BY_CLIENT": BY_CLIENT, "ALONE": ALONE}.items():
        monkeypatch.setattr(throttle, name, rule)


@pytest.fixture(autouse=True)
def _quick_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is tried here is how often, not what a hash costs."""
    monkeypatch.setattr("cms_service.auth.passwords._matches", lambda given, _: given == PASSWORD)


@pytest.fixture
async def other_pod(site: Site) -> AsyncIterator[Pod]:
    async with site.pod() as other:
        yield other


async def test_guesses_are_counted_by_all_pods_together_and_told_when_to_come_again(
    pod: Pod, other_pod: Pod
) -> None:
    for number in range(BY_EMAIL.burst):
        answer = await try_to_log_in((pod, other_pod)[number % 2], STRANGER, "guess")
        expect_problem(answer, 401)
    for asked in (pod, other_pod):
        answer = await try_to_log_in(asked, STRANGER, PASSWORD)
        problem = expect_problem(answer, 429)
        assert problem["type"] == "urn:headlesscms:problem:too-many-requests"
        assert 1 <= int(answer.headers["retry-after"]) <= 1000
    other_tenant = await pod.log_in("globex")
    assert other_tenant.tokens


async def test_a_user_that_does_not_exist_is_throttled_in_the_same_way(pod: Pod) -> None:
    answers = []
    for email in (owner_email("acme"), "nobody@acme.example"):
        for address in ("203.0.113.1", "203.0.113.2"):
            for _ in range(BY_EMAIL.burst // 2):
                expect_problem(await try_to_log_in(pod, address, "guess", email), 401)
        answers.append(expect_problem(await try_to_log_in(pod, OWNER, "guess", email), 429))
    assert answers[0]["detail"] == answers[1]["detail"]


async def test_many_addresses_tried_from_one_client_make_it_wait(pod: Pod) -> None:
    for number in range(BY_CLIENT.burst):
        answer = await try_to_log_in(pod, STRANGER, "guess", f"user-{number}@acme.example")
        expect_problem(answer, 401)
    expect_problem(await try_to_log_in(pod, STRANGER, "guess", "one-more@acme.example"), 429)
    expect(await try_to_log_in(pod, OWNER, PASSWORD), 200)


async def test_tenants_that_exist_or_not_are_counted_together_for_a_client(
    pod: Pod, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(throttle, "IN_ALL_TENANTS", Rule(4, _INTERVAL))
    body = {"email": owner_email("acme"), "password": "guess"}
    made_up = [f"/v1/tenants/nobody-{number}/auth/login" for number in range(6)]
    async with pod.client(address=STRANGER) as client:
        for url in (LOGIN, *made_up[:3]):
            expect_problem(await client.post(url, json=body), 401)
        for url in (LOGIN, *made_up[3:]):
            expect_problem(await client.post(url, json=body), 429)
    expect(await try_to_log_in(pod, OWNER, PASSWORD), 200)


async def test_spellings_by_which_postgresql_finds_one_user_are_one_address(site: Site) -> None:
    letters = await site.fetch(
        """SELECT chr(n) AS letter, lower(chr(n)) AS lowered FROM generate_series(1, 65535) n
           WHERE n NOT BETWEEN 55296 AND 57343 AND lower(chr(n)) BETWEEN '!' AND '~'"""
    )
    assert len(letters) > 90
    assert [row for row in letters if folded(row["letter"]) != row["lowered"]] == []


async def test_a_stranger_does_not_lock_out_whoever_logged_in_here_before(pod: Pod) -> None:
    expect(await try_to_log_in(pod, OWNER, PASSWORD), 200)
    while (await try_to_log_in(pod, STRANGER, "guess")).status_code == 401:
        pass
    expect(await try_to_log_in(pod, OWNER, PASSWORD), 200)
    expect_problem(await try_to_log_in(pod, "198.51.100.2", PASSWORD), 429)
    for _ in range(BY_EMAIL.burst):
        expect_problem(await try_to_log_in(pod, OWNER, "guess"), 401)
    expect_problem(await try_to_log_in(pod, OWNER, PASSWORD), 429)


async def test_successes_count_for_nothing(pod: Pod) -> None:
    for _ in range(BY_EMAIL.burst + 2):
        expect(await try_to_log_in(pod, OWNER, PASSWORD), 200)


async def test_only_a_trusted_proxy_may_say_who_its_client_is(site: Site) -> None:
    async with site.pod(TRUSTED_PROXIES="10.0.0.0/8") as trusting:
        forged = {"X-Forwarded-For": OWNER}
        for number in range(BY_CLIENT.burst):
            email = f"user-{number}@acme.example"
            await try_to_log_in(trusting, STRANGER, "guess", email, **forged)
        behind_proxy = {"X-Forwarded-For": STRANGER}
        answer = await try_to_log_in(trusting, "10.0.0.1", PASSWORD, **behind_proxy)
        expect_problem(answer, 429)
        behind_proxy = {"X-Forwarded-For": OWNER}
        expect(await try_to_log_in(trusting, "10.0.0.1", PASSWORD, **behind_proxy), 200)


async def test_guesses_of_the_present_password_are_throttled_too(pod: Pod) -> None:
    desk = await pod.log_in("acme")
    body = {"currentPassword": "guess", "newPassword": "a password that is new"}
    url = f"{desk.root}/auth/password"
    for _ in range(BY_EMAIL.burst):
        expect_problem(await desk.client.post(url, json=body), 403)
    expect_problem(await desk.client.post(url, json=body), 429)


async def test_without_redis_each_pod_is_stricter_by_itself(site: Site, own_redis: Redis) -> None:
    async with site.pod(REDIS_URL=own_redis.url) as pod:
        expect_problem(await try_to_log_in(pod, STRANGER, "guess"), 401)
        own_redis.stop()
        for _ in range(ALONE.burst * 2):
            expect_problem(await try_to_log_in(pod, OWNER, PASSWORD), 503)
        for _ in range(ALONE.burst):
            expect_problem(await try_to_log_in(pod, STRANGER, "guess"), 401)
        answer = await try_to_log_in(pod, STRANGER, PASSWORD)
        expect_problem(answer, 429)
        assert 1 <= int(answer.headers["retry-after"]) <= 1000
        own_redis.start()
        await pod.find_redis_again()
        expect(await try_to_log_in(pod, STRANGER, PASSWORD), 200)


async def test_redis_learns_neither_e_mail_nor_client(pod: Pod) -> None:
    expect(await try_to_log_in(pod, OWNER, PASSWORD), 200)
    expect_problem(await try_to_log_in(pod, STRANGER, "guess"), 401)
    keys = await pod.cms.redis.run_script("return redis.call('KEYS', '*')", "unused")
    text = b" ".join(keys)
    assert b":login:" in text
    assert not any(word in text for word in (b"owner", STRANGER.encode(), OWNER.encode()))
