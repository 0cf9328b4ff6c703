"""Hashing is slow on purpose: few at once, some more may wait, and the rest is refused."""

import asyncio
import threading
from collections import Counter
from collections.abc import Iterator
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cms_service.auth import passwords
from cms_service.auth.passwords import Passwords
from cms_service.auth.turns import Turns
from cms_service.core.errors import Unavailable
from cms_service.core.telemetry.metrics import Metrics

ACME, GLOBEX = uuid4(), uuid4()


@pytest.fixture
def go_on(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Set, all comparisons end; the passwords are right."""
    go_on = threading.Event()
    monkeypatch.setattr(passwords, "_matches", lambda *_: go_on.wait())
    yield go_on
    go_on.set()


async def attempts(queue: Passwords, tenant: UUID | None, number: int) -> list[asyncio.Task[bool]]:
    """That have come as far as they come."""
    asked = [asyncio.create_task(queue.verify(tenant, "secret", "hash")) for _ in range(number)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    return asked


async def test_passwords_wait_in_a_queue_that_is_seen_and_bounded(go_on: threading.Event) -> None:
    metrics = Metrics("")
    queue = Passwords(metrics)

    def figures() -> tuple[float | None, ...]:
        return tuple(
            metrics.registry.get_sample_value(f"hcms_argon2_{name}")
            for name in ("threads", "running", "waiting", "rejected_total")
        )

    assert figures() == (2, 0, 0, 0)
    asked = await attempts(queue, ACME, 60)
    assert figures() == (2, 2, 48, 10)
    go_on.set()
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert sum(answer is True for answer in answers) == 50
    assert sum(isinstance(answer, Unavailable) for answer in answers) == 10
    assert figures() == (2, 0, 0, 10)
    queue.close()


@pytest.mark.parametrize("crowd", [ACME, None], ids=["a tenant's users", "made-up tenants"])
async def test_a_crowd_refuses_its_own_and_lets_another_tenants_user_in(
    go_on: threading.Event, crowd: UUID | None
) -> None:
    queue = Passwords(Metrics(""))
    many = await attempts(queue, crowd, 60)
    others = await attempts(queue, GLOBEX, 3)
    go_on.set()
    assert await asyncio.gather(*others) == [True] * 3
    answers = await asyncio.gather(*many, return_exceptions=True)
    assert sum(isinstance(answer, Unavailable) for answer in answers) == 13
    queue.close()


async def test_who_hangs_up_leaves_its_place_to_others(go_on: threading.Event) -> None:
    metrics = Metrics("")
    queue = Passwords(metrics)
    many = await attempts(queue, ACME, 50)
    for attempt in many[10:40]:
        attempt.cancel()
    await asyncio.gather(*many[10:40], return_exceptions=True)
    assert metrics.registry.get_sample_value("hcms_argon2_waiting") == 18
    others = await attempts(queue, ACME, 30)
    go_on.set()
    assert all(await asyncio.gather(*many[:10], *many[40:], *others))
    assert metrics.registry.get_sample_value("hcms_argon2_running") == 0
    queue.close()


async def test_who_hangs_up_in_the_moment_of_its_turn_hands_it_on(go_on: threading.Event) -> None:
    metrics = Metrics("")
    queue = Passwords(metrics)
    waiting: list[asyncio.Task[bool]] = []

    async def work_and_hang_up_the_next() -> None:
        await queue.verify(ACME, "secret", "hash")
        waiting[0].cancel()

    working = [asyncio.create_task(work_and_hang_up_the_next()) for _ in range(2)]
    await asyncio.sleep(0)
    waiting += await attempts(queue, ACME, 6)
    go_on.set()
    await asyncio.gather(*working)
    assert await asyncio.gather(*waiting[1:]) == [True] * 5
    assert waiting[0].cancelled()
    assert metrics.registry.get_sample_value("hcms_argon2_running") == 0
    queue.close()


TENANTS = st.sampled_from("abcdef")


@given(st.lists(TENANTS, max_size=60))
def test_no_tenant_has_a_place_fewer_than_it_wants_while_another_has_two_more(
    arrivals: list[str],
) -> None:
    turns = Turns[tuple[str, int]](10)
    wanted = Counter(arrivals)
    refused = 0
    for number, tenant in enumerate(arrivals):
        refused += turns.add(tenant, (tenant, number)) is not None
    taken = [item for item in iter(turns.next, None) if item is not None]
    had = Counter(tenant for tenant, _ in taken)
    assert len(taken) == len(arrivals) - refused == min(10, len(arrivals))
    for tenant in wanted:
        if had[tenant] < wanted[tenant]:
            assert max(had.values()) <= had[tenant] + 1


@given(st.lists(TENANTS, max_size=60))
def test_a_place_is_taken_only_from_who_has_as_many_left_as_who_takes_it(
    arrivals: list[str],
) -> None:
    turns = Turns[tuple[str, int]](10)
    waiting: Counter[str] = Counter()
    for number, tenant in enumerate(arrivals):
        waiting[tenant] += 1
        if (given_up := turns.add(tenant, (tenant, number))) is not None:
            waiting[given_up[0]] -= 1
            assert given_up[0] == tenant or waiting[given_up[0]] >= waiting[tenant]


@given(st.lists(TENANTS, max_size=40))
def test_tenants_take_turns_and_each_keeps_its_order(arrivals: list[str]) -> None:
    turns = Turns[tuple[str, int]](40)
    for number, tenant in enumerate(arrivals):
        turns.add(tenant, (tenant, number))
    taken = [item for item in iter(turns.next, None) if item is not None]
    for tenant in set(arrivals):
        own = [number for who, number in taken if who == tenant]
        assert own == sorted(own)
    rounds = [Counter(t for t, _ in taken[:n])[tenant] for n, (tenant, _) in enumerate(taken)]
    assert rounds == sorted(rounds)
