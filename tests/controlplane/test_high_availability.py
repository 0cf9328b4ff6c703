"""One of several operators works; another goes on where it stops, dies, freezes or is cut off."""

import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from localcluster.controlplane import ControlPlane
from tests.controlplane.audit import Request
from tests.controlplane.operator_process import OperatorProcess
from tests.controlplane.proxy import Proxy
from tests.controlplane.releases import WAYS, release
from tests.controlplane.replicas import (
    LONG_SECONDS,
    RESOURCE,
    SHORT_SECONDS,
    Replicas,
    Writes,
    accepted_too_late,
    forget,
    instead_of,
    leads,
)
from tests.controlplane.team import IMAGE, IMAGES, Team, eventually
from tests.controlplane.test_kopf_faults import there

FLEET = [f"cms-{number}" for number in range(20)]
FLEET_SECONDS = 300
EVENTS = "events.k8s.io/events"
CREATED = 201
HALFWAY = {
    "replicas": 2,
    "rollout": {"strategy": "Canary", "canary": {"steps": [{"setWeight": 50}, {"pause": {}}]}},
}
# Nobody has waited for the end of the lease, which was renewed 8 s before at most.
AT_ONCE = LONG_SECONDS * 3 / 4

Begin = Callable[..., Replicas]


@pytest.fixture
def replicas(team: Team, operator: OperatorProcess) -> Iterator[Begin]:
    """Begins with none, in place of the operator that all tests share."""
    with ExitStack() as until_the_end:

        def begin(seconds: int, **environment: str) -> Replicas:
            made = Replicas(operator, team.api, seconds, environment)
            return until_the_end.enter_context(instead_of(operator, made))

        yield begin


def release_fleet(team: Team, image: str, **spec: Any) -> None:
    for name in FLEET:
        team.make(name, image=image, **{"replicas": 1, **spec})


def halfway(team: Team) -> list[str]:
    return [name for name in FLEET if team.phase(name) == "Paused"]


def released(team: Team, version: str) -> list[str]:
    return [name for name in FLEET if team.status(name).get("version") == version]


@pytest.mark.parametrize("strategy", WAYS)
def test_killed_in_the_middle_of_a_release_it_is_followed_by_the_standby(
    team: Team, replicas: Begin, strategy: str
) -> None:
    pair = replicas(SHORT_SECONDS)
    leader, standby = pair.lead(), pair.start()

    def kill() -> None:
        leader.kill()
        pair.take_over(standby)

    release(team, strategy, kill)
    assert pair.lease()["spec"]["leaseTransitions"] >= 1


def test_stopped_it_is_followed_at_once(team: Team, replicas: Begin) -> None:
    pair = replicas(LONG_SECONDS)
    leader, standby = pair.lead(), pair.start()
    old, place = pair.agent(), team.audit.now()

    def stop() -> None:
        leader.stop()
        eventually(lambda: leads(standby), "the standby leads", AT_ONCE)

    release(team, "RollingUpdate", stop)
    writes = Writes(team.audit, place)
    agents = [write.agent for write in writes.all()]
    given_back = max(
        n for n, w in enumerate(writes.all()) if (w.agent, w.resource) == (old, RESOURCE)
    )
    assert set(agents[:given_back]) == {old}
    assert set(agents[given_back + 1 :]) == {pair.agent()}


def test_a_standby_writes_nothing_and_kopf_never_does(team: Team, replicas: Begin) -> None:
    """Both take in all events."""
    pair = replicas(LONG_SECONDS)
    place = team.audit.now()
    pair.lead()
    standby = pair.start()
    team.make(replicas=1)
    team.wait_until_ready()
    assert {write.agent for write in Writes(team.audit, place).all()} == {pair.agent()}
    # Those that other tests have left in namespaces that are still ending count, too.
    eventually(lambda: counted(standby) == there(team.api), "the standby knows all objects")
    assert standby.metric("hcms_operator_queue_depth") == 0


def counted(operator: OperatorProcess) -> float:
    return operator.metric("hcms_operator_objects")


def test_a_lease_that_somebody_deletes_stays_with_its_leader(team: Team, replicas: Begin) -> None:
    pair = replicas(20)  # renewed soon, and yet long enough for who stands still for a while
    leader, _ = pair.lead(), pair.start()
    before = pair.agent()
    forget(team.api)
    eventually(pair.is_held, "the lease is there again")
    assert (pair.agent(), pair.leaders()) == (before, [leader])


@pytest.mark.parametrize("seed", range(2))
def test_frozen_anywhere_in_a_fleets_release_it_has_no_say_when_it_wakes_up(
    team: Team, replicas: Begin, seed: int
) -> None:
    chance = random.Random(seed)  # noqa: S311  - a repeatable one
    pair = replicas(SHORT_SECONDS)
    pair.lead()
    pair.start()
    release_fleet(team, IMAGE)
    for version in range(2, 5):
        place = team.audit.now()
        release_fleet(team, f"{IMAGES}:{version}.0.0")
        time.sleep(chance.uniform(0, 2))
        leader, old = pair.freeze_the_leader()
        (standby,) = (process for process in pair.running if process is not leader)
        new = pair.take_over(standby)
        writes = Writes(team.audit, place)
        wait_until_it_works(writes, new)
        leader.wake()
        wait_until_it_follows(leader)
        assert_nobody_works_twice(writes, old, new)
    eventually(lambda: released(team, "4.0.0") == FLEET, "all are released", FLEET_SECONDS)


def wait_until_it_works(writes: Writes, agent: str) -> None:
    eventually(lambda: writes.of(agent), "the new leader works")


def wait_until_it_follows(process: OperatorProcess) -> None:
    eventually(lambda: not leads(process), "the old one finds out")


def assert_nobody_works_twice(writes: Writes, old: str, new: str) -> None:
    claimed = next(w.received for w in writes.of_the_lease() if w.agent == new and w.is_accepted)
    late = [write for write in writes.of(old) if write.received > claimed]
    assert accepted_too_late(writes.of(old), writes.of(new)) == []
    assert len(late) <= 1, "what it was just sending; all else is asked about after it woke up"


def test_an_api_server_that_is_away_for_longer_than_the_lease(
    team: Team, replicas: Begin, control_plane: ControlPlane
) -> None:
    """Both go on as they are, and one leads when it is back."""
    kubeconfig = control_plane.folder / "replicas.kubeconfig"
    with Proxy(control_plane.operator_kubeconfig, kubeconfig) as proxy:
        pair = replicas(SHORT_SECONDS, KUBECONFIG=str(kubeconfig))
        leader, _ = pair.lead(), pair.start()
        pids = [process.pid for process in pair.running]

        def away() -> None:
            with proxy.away():
                eventually(lambda: not pair.leaders(), "nobody leads")
                assert leader.metric("hcms_operator_lease_renew_failures_total") > 0

        release(team, "BlueGreen", away)
        eventually(lambda: len(pair.leaders()) == 1, "one leads")
        assert [process.pid for process in pair.running if process.is_running()] == pids


def test_the_operator_itself_is_updated_in_the_middle_of_a_fleets_release(
    team: Team, replicas: Begin
) -> None:
    """Twice, each time while pods move: a new one starts, and then the old one stops."""
    line = replicas(LONG_SECONDS)
    first = line.lead()
    release_fleet(team, IMAGE, **HALFWAY)
    eventually(lambda: released(team, "1.0.0") == FLEET, "all are there", FLEET_SECONDS)
    place, told_before = team.audit.now(), told(team)
    release_fleet(team, f"{IMAGES}:2.0.0", **HALFWAY)
    second = line.start()
    first.stop()
    eventually(lambda: leads(second), "the second leads", AT_ONCE)
    eventually(lambda: halfway(team) == FLEET, "all wait halfway", FLEET_SECONDS)
    third = line.start()
    for name in FLEET:
        team.annotate("promote", team.status(name)["rollout"]["revision"], name)
    second.stop()
    eventually(lambda: leads(third), "the third leads", AT_ONCE)
    eventually(lambda: released(team, "2.0.0") == FLEET, "all are released", FLEET_SECONDS)
    for name in FLEET:
        team.wait_until_ready(name)
    written = [w for w in Writes(team.audit, place).all() if w.is_accepted]
    assert twice(w for w in written if w.status == CREATED and w.resource != EVENTS) == {}
    assert twice(w for w in written if w.verb == "delete") == {}
    assert more_than_once(told(team) - told_before) == {}


def twice(writes: Iterator[Request]) -> dict[tuple[str, ...], int]:
    return more_than_once(Counter((write.resource, write.name) for write in writes))


def told(team: Team) -> Counter[tuple[str, ...]]:
    return Counter(
        (event["regarding"]["name"], event["reason"], event.get("note", ""))
        for event in team.all("event")
        if event["regarding"]["kind"] == "HeadlessCMS"
    )


def more_than_once(found: Counter[tuple[str, ...]]) -> dict[tuple[str, ...], int]:
    return {what: times for what, times in found.items() if times > 1}
