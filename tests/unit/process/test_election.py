"""At most one of several operators with clocks of their own may write."""

import itertools
import random
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cms_operator.election import (
    Act,
    Candidate,
    Timing,
    View,
    claimed,
    next_act,
    released,
    see,
)

TIMING = Timing(15)
WALL = datetime(2026, 1, 1, tzinfo=UTC)
A, B = "a", "b"


def lease(holder: str = A, seconds: int = 15, renewed: str = "then") -> dict[str, Any]:
    return {"holderIdentity": holder, "leaseDurationSeconds": seconds, "renewTime": renewed}


def seen(spec: dict[str, Any] | None = None, version: int | None = 5, since: float = 100) -> View:
    return View(lease() if spec is None else spec, version, since)


def test_its_times_are_those_of_kubernetes_own_controllers() -> None:
    assert (TIMING.retry, TIMING.renew_deadline) == (2, 10)


@pytest.mark.parametrize("seconds", [5, 15, 60])
def test_no_write_is_under_way_when_another_may_lead(seconds: int) -> None:
    timing = Timing(seconds)
    assert timing.renew_deadline < timing.write_deadline < timing.lease
    assert timing.write_deadline - timing.renew_deadline >= 1, "a write needs some time"
    assert timing.retry + timing.request < timing.renew_deadline, "a second try fits in"


@pytest.mark.parametrize(
    ("view", "now", "act", "until"),
    [
        (seen({}, None), 100, Act.CLAIM, 0),
        (seen(lease("")), 100, Act.CLAIM, 0),
        (seen(lease(B)), 100, Act.CLAIM, 0),
        (seen(), 114.9, Act.WAIT, 115),
        (seen(), 115, Act.CLAIM, 0),
        (seen(lease(seconds=40)), 115, Act.WAIT, 140),
        (seen(version=None), 114.9, Act.WAIT, 115),
    ],
    ids=[
        "there is none",
        "it was given back",
        "it was ours before",
        "it lasts",
        "it has run out",
        "its holder has asked for longer",
        "somebody has deleted it",
    ],
)
def test_a_standby_waits_for_as_long_as_the_lease_lasts(
    view: View, now: float, act: Act, until: float
) -> None:
    step = next_act(view, Candidate(B), TIMING, now)
    assert (step.act, step.until) == (act, until)


@pytest.mark.parametrize(
    ("view", "now", "act", "until"),
    [
        (seen(), 101, Act.WAIT, 102),
        (seen(), 102, Act.CLAIM, 0),
        (seen(), 109.9, Act.CLAIM, 0),
        (seen(), 110, Act.GIVE_UP, 0),
        (seen(lease(B)), 101, Act.GIVE_UP, 0),
        (seen(lease("")), 101, Act.GIVE_UP, 0),
        (seen(version=None), 102, Act.CLAIM, 0),
    ],
    ids=[
        "renewed just now",
        "due",
        "still in time",
        "too late",
        "another has it",
        "somebody has emptied it",
        "somebody has deleted it",
    ],
)
def test_a_leader_renews_and_gives_up_before_another_may_lead(
    view: View, now: float, act: Act, until: float
) -> None:
    step = next_act(view, Candidate(A, renewed=100, tried=100), TIMING, now)
    assert (step.act, step.until) == (act, until)


def test_a_claim_that_failed_is_tried_again_after_a_pause() -> None:
    step = next_act(seen({}, None), Candidate(B, tried=100), TIMING, 100.5)
    assert (step.act, step.until) == (Act.WAIT, 102)


def test_only_a_change_counts_as_a_renewal_and_no_time_that_is_written_in_it() -> None:
    view = see(None, lease(renewed="2099-01-01"), 5, 100)
    assert see(view, lease(renewed="2099-01-01"), 6, 107).since == 100
    assert see(view, lease(renewed="1999-01-01"), 6, 107).since == 107


def test_late_news_changes_nothing() -> None:
    view = see(None, lease(B), 7, 100)
    assert see(view, lease(A), 6, 101) == view
    assert see(view, None, 6, 101) == view


def test_what_a_holder_writes() -> None:
    first = claimed(View({}, None, 0), A, TIMING, WALL)
    assert first == {
        "holderIdentity": A,
        "leaseDurationSeconds": 15,
        "acquireTime": "2026-01-01T00:00:00.000000Z",
        "renewTime": "2026-01-01T00:00:00.000000Z",
        "leaseTransitions": 0,
    }
    renewal = claimed(View(first, 1, 0), A, TIMING, WALL + timedelta(seconds=2))
    assert renewal.keys() == {"holderIdentity", "leaseDurationSeconds", "renewTime"}
    assert claimed(View(first, 2, 0), B, TIMING, WALL)["leaseTransitions"] == 1
    back = View(first | released(WALL), 3, 0)
    assert back.holder == ""
    assert claimed(back, B, TIMING, WALL)["leaseTransitions"] == 1


def test_the_standby_leads_as_soon_as_the_lease_of_a_dead_leader_has_run_out() -> None:
    server = Server()
    server.write(View({}, None, 0), claimed(View({}, None, 0), A, TIMING, WALL))
    view = see(None, server.spec, server.version, 50)
    times = [50 + n / 10 for n in itertools.takewhile(lambda n: n < 200, itertools.count())]
    first = next(t for t in times if next_act(view, Candidate(B), TIMING, t).act is Act.CLAIM)
    assert first == 65


@dataclass
class Server:
    spec: dict[str, Any] | None = None
    version: int = 0

    def write(self, view: View, spec: dict[str, Any]) -> bool:
        """Refused where the Lease is not as the writer has seen it."""
        if view.version != (None if self.spec is None else self.version):
            return False
        self.version += 1
        self.spec = {**(self.spec or {}), **spec, "renewTime": str(self.version)}
        return True


class Process:
    def __init__(self, name: str, offset: float) -> None:
        self.offset = offset
        self.me = Candidate(name)
        self.view = View({}, None, offset)

    def see(self, server: Server, now: float) -> None:
        version = None if server.spec is None else server.version
        self.view = see(self.view, server.spec, version, now + self.offset)

    def may_write(self, now: float) -> bool:
        """Begin a write, or have one under way."""
        renewed = self.me.renewed
        return renewed is not None and now + self.offset < renewed + TIMING.write_deadline


@dataclass
class Elections:
    """Clocks that nobody has set, late news, slow requests and lost answers, frozen processes."""

    chance: random.Random
    now: float = 0.0
    server: Server = field(default_factory=Server)
    leaders: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.processes = [Process(name, self.chance.uniform(-1e6, 1e6)) for name in "abc"]
        self.frozen_until = dict.fromkeys("abc", 0.0)

    def step(self) -> None:
        self.now += self.chance.expovariate(2)
        one = self.chance.choice(self.processes)
        if self.chance.random() < 0.02:
            self.frozen_until[one.me.identity] = self.now + self.chance.uniform(5, 40)
        if self.now < self.frozen_until[one.me.identity]:
            return
        if self.chance.random() < 0.01:
            self.stop_and_start_again(one)
        if self.chance.random() < 0.5:
            one.see(self.server, self.now)
        self.act(one)

    def act(self, one: Process) -> None:
        sent = self.now + one.offset
        act = next_act(one.view, one.me, TIMING, sent).act
        if act is Act.GIVE_UP:
            one.me = replace(one.me, renewed=None)
        if act is not Act.CLAIM:
            return
        one.me = replace(one.me, tried=sent)
        accepted = self.server.write(one.view, claimed(one.view, one.me.identity, TIMING, WALL))
        self.now += self.chance.choice((0.0, 0.0, 0.1, 2.0))
        if accepted and self.chance.random() < 0.9:
            one.see(self.server, self.now)
            one.me = replace(one.me, renewed=sent)
            self.leaders.add(one.me.identity)

    def stop_and_start_again(self, one: Process) -> None:
        if one.me.renewed is not None:
            self.server.write(one.view, released(WALL + timedelta(seconds=self.now)))
        one.me = Candidate(one.me.identity)

    def writers(self) -> list[str]:
        return [one.me.identity for one in self.processes if one.may_write(self.now)]


@pytest.mark.parametrize("seed", range(20))
def test_no_two_may_write_at_any_time(seed: int) -> None:
    elections = Elections(random.Random(seed))  # noqa: S311  - a repeatable one
    for _ in range(5000):
        elections.step()
        assert len(elections.writers()) <= 1
    assert elections.leaders == {*"abc"}
