"""The machine's clock jumps, and no deadline passes and no pause ends because of it."""

import functools
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cms_operator.observed.snapshot import Snapshot
from cms_operator.rollout.decision import Decision
from cms_operator.steady_clock import SLEW, SteadyClock
from tests.unit.rollout.pictures import NOON, rollout
from tests.unit.rollout.simulation import TICK, Cluster, World

HOUR = 3600.0
JUMPS = st.sampled_from([-24 * HOUR, -HOUR, -60.0, 0.0, 0.5, 60.0, HOUR, 24 * HOUR])


class Machine:
    """`pass_time` lets seconds go by, `jump` is what somebody does to its clock."""

    def __init__(self) -> None:
        self.up = 1000.0
        self.ahead = NOON.timestamp()
        self.clock = SteadyClock(lambda: self.up + self.ahead, lambda: self.up)

    def pass_time(self, seconds: float) -> None:
        self.up += seconds

    def jump(self, seconds: float) -> None:
        self.ahead += seconds

    @property
    def off(self) -> float:
        return self.clock().timestamp() - (self.up + self.ahead)


@given(st.lists(st.tuples(st.floats(0, 1000, allow_nan=False), JUMPS), max_size=20))
def test_a_span_of_time_is_right_to_a_tenth_whatever_the_machine_is_told(
    steps: list[tuple[float, float]],
) -> None:
    machine = Machine()
    for seconds, jump in steps:
        before = machine.clock()
        machine.jump(jump)
        machine.pass_time(seconds)
        measured = (machine.clock() - before).total_seconds()
        assert (1 - SLEW) * seconds - 0.001 <= measured <= (1 + SLEW) * seconds + 0.001


@given(JUMPS)
def test_it_agrees_with_the_machine_in_the_end(jump: float) -> None:
    machine = Machine()
    machine.jump(jump)
    machine.pass_time(abs(jump) / SLEW + 1)
    assert abs(machine.off) < 0.001


def test_small_corrections_are_followed_at_once() -> None:
    machine = Machine()
    for _ in range(100):
        machine.pass_time(10)
        machine.jump(0.05)
        assert abs(machine.off) < 0.001


def test_it_tells_the_time_of_day() -> None:
    assert Machine().clock() == datetime.fromtimestamp(NOON.timestamp() + 1000, UTC)


def fine(_: World, __: Snapshot, ___: Decision) -> None:
    return None


def release(strategy: str, jumps: dict[int, float]) -> list[tuple[str, str | None]]:
    """Phase and stable revision after each turn of a release, with jumps before some turns."""
    machine = Machine()
    spec: dict[str, Any] = {
        "strategy": strategy,
        "bakeSeconds": 300,
        "progressDeadlineSeconds": 600,
        "canary": {"steps": [{"setWeight": 34}, {"pause": {"duration": 200}}]},
        "blueGreen": {"autoPromotionSeconds": 200, "scaleDownDelaySeconds": 100},
    }
    world = World(Cluster(lambda _: True, lambda most: min(most, 1)), rollout(**spec), 3, "a", fine)
    world.clock = lambda _: machine.clock()
    told: list[tuple[str, str | None]] = []
    for turn in range(150):
        if turn == 10:
            world.target = "b"
        machine.jump(jumps.get(turn, 0.0))
        world.turn()
        machine.pass_time(TICK.total_seconds())
        told.append((world.progress.phase if world.progress else "", world.stable))
    return told


@pytest.mark.parametrize("strategy", ["RollingUpdate", "Canary", "BlueGreen"])
@settings(max_examples=15)
@given(st.dictionaries(st.integers(0, 149), JUMPS, min_size=1, max_size=4))
def test_a_release_goes_the_same_way_at_nearly_the_same_pace(
    strategy: str, jumps: dict[int, float]
) -> None:
    usual, disturbed = undisturbed(strategy), release(strategy, jumps)
    assert usual[-1] == ("Completed", "b")
    assert phases(disturbed) == phases(usual)
    assert disturbed[-1] == usual[-1]
    for phase, turn in ends(usual).items():
        assert (1 - 2 * SLEW) * turn - 2 <= ends(disturbed)[phase] <= (1 + 2 * SLEW) * turn + 2


@functools.cache
def undisturbed(strategy: str) -> list[tuple[str, str | None]]:
    return release(strategy, {})


def phases(told: list[tuple[str, str | None]]) -> list[str]:
    return list(dict.fromkeys(phase for phase, _ in told))


def ends(told: list[tuple[str, str | None]]) -> dict[str, int]:
    return {phase: turn for turn, (phase, _) in enumerate(told) if phase != "Completed"}


@settings(max_examples=12)
@given(st.sampled_from([-HOUR, HOUR]), st.integers(11, 60), st.integers(0, 2))
def test_an_operator_that_goes_on_where_the_clock_is_another_keeps_the_limits(
    jump: float, turn: int, which: int
) -> None:
    """A new process knows no earlier clock: a wait may be over, or begin anew, and no more."""
    strategy = ["RollingUpdate", "Canary", "BlueGreen"][which]
    spec: dict[str, Any] = {"strategy": strategy, "bakeSeconds": 60, "maxUnavailable": 0}
    ahead = timedelta()
    world = World(Cluster(lambda _: True, lambda most: min(most, 1)), rollout(**spec), 3, "a", fine)
    world.clock = lambda world: NOON + world.turns * TICK + ahead
    world.settle(10)
    world.target = "b"
    for passed in range(11, 800):
        if passed == turn:
            ahead = timedelta(seconds=jump)
        world.turn()
        assert world.cluster.serving() >= 3
    assert set(world.sizes()) == {world.stable}
    assert world.stable == "b" or jump > 0
