"""Releases that are measured: what is worse is taken back in every strategy, what is not passes."""

import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from localcluster.controlplane import ControlPlane
from tests.controlplane.api import Object
from tests.controlplane.operator_process import OF_THIS_PYTHON, OperatorProcess
from tests.controlplane.team import IMAGES, LONG_PATIENCE, Team, eventually
from tests.controlplane.tracing import Trace

SERVER = Path(__file__).with_name("statusz.py")
CANDIDATE = f"{IMAGES}:2.0.0"
# The admin port is part of a revision: which one a pod has says how it behaves.
GOOD, ERRORS, SLOW, NO_DATABASE = 9000, 9005, 9006, 9007
SECONDS = 1
MEASURED: Object = {
    "bakeSeconds": 30,
    "analysis": {"intervalSeconds": SECONDS, "warmUpSeconds": 0, "minSamples": 50},
}
WAIT: Object = {"pause": {"duration": 30}}
STRATEGIES: dict[str, Object] = {
    "RollingUpdate": {},
    "Canary": {"strategy": "Canary", "canary": {"steps": [{"setWeight": 34}, WAIT]}},
    "BlueGreen": {"strategy": "BlueGreen", "blueGreen": {"scaleDownDelaySeconds": 1}},
}

# Cannot judge anything.
WITH_A_DEFECT = """
import runpy
from cms_operator.reconcile.analysis.analyses import Analyses

async def judge(self, trial, now):
    raise RuntimeError("a defect")

Analyses.judge = judge
runpy.run_module("cms_operator", run_name="__main__")
"""


@pytest.fixture
def unjudging(team: Team, operator: OperatorProcess) -> Iterator[Team]:
    """Served by an operator that can judge nothing."""
    command = (OF_THIS_PYTHON[0], "-c", WITH_A_DEFECT)
    with operator.replaced_by(operator.another("unjudging", command=command)):
        yield team


@pytest.fixture(autouse=True)
def metrics(control_plane: ControlPlane, tmp_path: Path) -> Iterator[None]:
    generation = tmp_path / "generation"
    generation.write_text("1")
    behaviours = [f"{GOOD}=0,0", f"{ERRORS}=0.05,0", f"{SLOW}=0,0.05"]
    behaviours.append(f"{NO_DATABASE}=no-database")
    control_plane.spawn("statusz", [sys.executable, str(SERVER), str(generation), *behaviours])
    yield
    control_plane.stop_process("statusz")


def settle(team: Team, strategy: str, **rollout: Any) -> str:
    """A good revision that is stable."""
    team.make(replicas=3, rollout=STRATEGIES[strategy] | MEASURED | rollout)
    team.wait_until_ready()
    return team.revision()


def release(team: Team, strategy: str, port: int, **rollout: Any) -> None:
    """Make a good revision, then one that behaves like the port."""
    settle(team, strategy, **rollout)
    follow(team, strategy, port, **rollout)


def follow(team: Team, strategy: str, port: int, **rollout: Any) -> None:
    wanted = STRATEGIES[strategy] | MEASURED | rollout
    team.make(replicas=3, image=CANDIDATE, ports={"admin": port}, rollout=wanted)


def rollout_of(team: Team) -> Object:
    found: Object = team.status().get("rollout", {})
    return found


def is_in(team: Team, phase: str) -> bool:
    return bool(rollout_of(team).get("phase") == phase)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_one_that_fails_5_percent_of_requests_is_taken_back(team: Team, strategy: str) -> None:
    old = settle(team, strategy)
    with Trace(team, service="shop") as trace:
        follow(team, strategy, ERRORS)
        message = team.wait_for("Stalled", "True", "AnalysisFailed")
        assert "errors: " in message
        assert "of stable failed (status 5xx)" in message
        eventually(lambda: list(team.names("deployment")) == [f"shop-{old}"], "stable is alone")
    assert team.revision() == old
    assert rollout_of(team)["analysis"]["verdict"] == "Failed"
    assert min(trace.serving) >= 3
    team.wait_for_event("AnalysisFailed")


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_one_whose_p99_is_slow_is_taken_back(team: Team, strategy: str) -> None:
    old = settle(team, strategy)
    follow(team, strategy, SLOW)
    message = team.wait_for("Stalled", "True", "AnalysisFailed")
    assert "latency-p99: " in message
    assert team.revision() == old


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_one_that_is_ready_without_its_database_is_taken_back(team: Team, strategy: str) -> None:
    old = settle(team, strategy)
    with Trace(team) as trace:
        follow(team, strategy, NO_DATABASE)
        message = team.wait_for("Stalled", "True", "AnalysisFailed")
        assert "pods of the candidate cannot use the database" in message
        eventually(lambda: list(team.names("deployment")) == [f"shop-{old}"], "stable is alone")
    assert team.revision() == old
    assert min(trace.serving) >= 3


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_release_that_measures_as_stable_does_is_promoted(team: Team, strategy: str) -> None:
    release(team, strategy, GOOD, bakeSeconds=3)
    over = partial(is_in, team, "Completed")
    eventually(over, "it is promoted", LONG_PATIENCE)  # a Canary has waited half a minute
    assert rollout_of(team)["analysis"]["verdict"] == "Successful"


def test_a_step_passes_with_enough_samples(team: Team) -> None:
    steps = [{"setWeight": 34}, {"analysis": {"count": 2}}]
    release(team, "Canary", GOOD, canary={"steps": steps}, bakeSeconds=0)
    eventually(lambda: rollout_of(team).get("phase") == "Completed", "it is promoted")


def test_a_blue_green_is_judged_before_and_after_its_switch(team: Team) -> None:
    analyses = {"prePromotionAnalysis": {"count": 2}, "postPromotionAnalysis": {"count": 2}}
    release(team, "BlueGreen", GOOD, blueGreen=analyses, bakeSeconds=0)
    eventually(lambda: rollout_of(team).get("phase") == "Completed", "it is promoted")
    assert rollout_of(team)["analysis"]["measurements"] >= 2


def test_pods_that_cannot_be_read_hold_a_step_and_take_nothing_back(team: Team) -> None:
    steps = [{"setWeight": 34}, {"analysis": {}}]
    unread = MEASURED["analysis"] | {"consecutiveErrorLimit": 1}
    release(team, "Canary", 9999, canary={"steps": steps}, analysis=unread)
    message = team.wait_for("Progressing", "True", "AnalysisUndecided")
    assert "cannot be read" in message
    team.annotate("promote", team.status()["updatedRevision"])
    eventually(lambda: rollout_of(team).get("phase") == "Baking", "a person has decided")


@pytest.mark.parametrize(("port", "end"), [(ERRORS, "Aborted"), (GOOD, "Completed")])
def test_an_operator_that_is_killed_comes_to_the_same_end(
    team: Team, operator: OperatorProcess, port: int, end: str
) -> None:
    # Longer than it is away: what has baked meanwhile is promoted. An abort waits for no bake.
    release(team, "BlueGreen", port, bakeSeconds=20 if end == "Completed" else 300)
    eventually(lambda: "analysis" in rollout_of(team), "it is measured")
    operator.kill()
    time.sleep(SECONDS)
    operator.start()
    eventually(partial(is_in, team, end), end, LONG_PATIENCE)


def test_an_abort_is_heard_while_nothing_can_be_judged(unjudging: Team) -> None:
    team = unjudging
    stable = settle(team, "Canary")
    follow(team, "Canary", GOOD)
    eventually(lambda: rollout_of(team).get("phase") == "Paused", "its first step")
    team.annotate("abort", team.status()["updatedRevision"])
    eventually(lambda: rollout_of(team).get("phase") == "Aborted", "it is taken back")
    assert team.status()["stableRevision"] == stable
