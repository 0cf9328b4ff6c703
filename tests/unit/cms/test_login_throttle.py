"""What no stranger gets around by the words of a log-in: each try that is let in costs a hash."""

from typing import Any, Never
from uuid import UUID, uuid4

import pytest

from cms_service.auth.throttle import ALONE, IN_ALL_TENANTS, LoginThrottle
from cms_service.core.errors import TooManyRequests
from cms_service.core.rate_limiting.buckets import Buckets
from cms_service.core.redis.store import RedisAwayError

TENANT = UUID(int=1)
STRANGER, OTHER = "203.0.113.66", "198.51.100.1"


class AwayRedis:
    async def get(self, _: str) -> Never:
        raise RedisAwayError("away")

    async def set(self, *_: object) -> Never:
        raise RedisAwayError("away")

    async def run_script(self, *_: object) -> Never:
        raise RedisAwayError("away")


@pytest.fixture
def throttle() -> LoginThrottle:
    redis: Any = AwayRedis()
    return LoginThrottle(Buckets(redis, lambda: 10**12), redis)


async def test_a_client_that_makes_up_tenants_is_let_in_a_bounded_number_of_times(
    throttle: LoginThrottle,
) -> None:
    for _ in range(IN_ALL_TENANTS.burst):
        await throttle.enter(uuid4(), "owner@acme.example", STRANGER)
    with pytest.raises(TooManyRequests):
        await throttle.enter(uuid4(), "owner@acme.example", STRANGER)
    await throttle.enter(TENANT, "owner@acme.example", OTHER)


async def test_what_one_tenant_refuses_costs_the_client_nothing_elsewhere(
    throttle: LoginThrottle,
) -> None:
    for _ in range(ALONE.burst):
        await throttle.enter(TENANT, "owner@acme.example", STRANGER)
    for _ in range(IN_ALL_TENANTS.burst):
        with pytest.raises(TooManyRequests):
            await throttle.enter(TENANT, "owner@acme.example", STRANGER)
    await throttle.enter(uuid4(), "owner@globex.example", STRANGER)


async def test_a_client_is_not_held_up_by_its_people_who_get_in(throttle: LoginThrottle) -> None:
    for _ in range(2 * IN_ALL_TENANTS.burst):
        attempt = await throttle.enter(uuid4(), "owner@acme.example", STRANGER)
        await throttle.succeeded(attempt)


@pytest.mark.parametrize("spelling", ["MIA.K@acme.example", "m\u0130a.\u212a@acme.example"])
async def test_another_spelling_of_an_address_is_no_further_try(
    throttle: LoginThrottle, spelling: str
) -> None:
    for number in range(ALONE.burst):
        await throttle.enter(TENANT, "mia.k@acme.example", f"203.0.113.{number}")
    with pytest.raises(TooManyRequests):
        await throttle.enter(TENANT, spelling, OTHER)
