"""Requests that are answered late, by halves or not at all, and a server that asks for patience."""

import subprocess
import sys
from http import HTTPStatus
from pathlib import Path

from localcluster import network
from localcluster.controlplane import PORTS, ControlPlane
from tests.controlplane import compact_etcd
from tests.controlplane.crds import newer, served
from tests.controlplane.faults import Busy, Denying, Halving, Late, Proxied, Rewinding
from tests.controlplane.proxy import Call
from tests.controlplane.team import SOURCE, Team, eventually
from tests.controlplane.unharmed import unharmed

PATIENCE_SECONDS = 2
LATENCY_SECONDS = 5.0


def begin(team: Team) -> set[str]:
    team.make(replicas=1)
    team.wait_until_ready()
    return team.pods()


def disturb(team: Team) -> None:
    team.make(replicas=2)
    team.delete("service", "shop")


def is_done(team: Team) -> bool:
    return len(team.pods()) == 2 and team.names("service") == {"shop"}


def reads_the_source(call: Call) -> bool:
    return not call.is_write and (call.resource, call.name) == ("/secrets", "source")


def test_a_busy_server_gets_the_time_that_it_asks_for(proxied_team: Team, proxied: Proxied) -> None:
    with unharmed(proxied, proxied_team):
        busy = Busy(PATIENCE_SECONDS)
        with proxied.proxy.behaving(busy):
            proxied_team.make(replicas=1)
            proxied_team.wait_until_ready(seconds=120)
    assert len(busy.kept) > 10
    assert min(busy.kept.values()) >= PATIENCE_SECONDS


def test_what_was_done_is_not_done_again_because_half_an_answer_came(
    proxied_team: Team, proxied: Proxied
) -> None:
    with unharmed(proxied, proxied_team):
        halving = Halving()
        with proxied.proxy.behaving(halving):
            proxied_team.make(replicas=1)
            proxied_team.wait_until_ready(seconds=120)
            pods = proxied_team.pods()
            disturb(proxied_team)
            eventually(lambda: is_done(proxied_team), "half answers do for it, too")
    assert halving.struck > 5
    assert pods < proxied_team.pods()


def test_a_source_secret_that_cannot_be_read_for_now_is_as_it_was(
    proxied_team: Team, proxied: Proxied
) -> None:
    team = proxied_team
    team.write_secret("source", SOURCE, watched=False)
    pods = begin(team)
    with unharmed(proxied, team):
        broken = Denying(HTTPStatus.INTERNAL_SERVER_ERROR, "InternalError", reads_the_source)
        with proxied.proxy.behaving(broken):
            eventually(lambda: broken.struck > 1, "two resyncs, or another try")
            disturb(team)
            eventually(lambda: is_done(team), "the object is worked on all the same")
            assert team.condition("SecretsReady")[0] == "True"
            assert "ApiRefused" not in {reason for reason, _ in team.events()}
    assert pods < team.pods()


def test_a_secret_that_no_api_server_can_decrypt_is_told_as_what_is_wrong(
    proxied_team: Team, proxied: Proxied
) -> None:
    team = proxied_team
    with unharmed(proxied, team):
        broken = Denying(HTTPStatus.INTERNAL_SERVER_ERROR, "InternalError", reads_the_source)
        with proxied.proxy.behaving(broken):
            team.make(replicas=1)
            team.wait_for("SecretsReady", "False", "SecretUnreadable", seconds=120)
            assert team.condition("Ready")[:2] == ("False", "SecretUnreadable")
            team.wait_for_event("SecretUnreadable")
            assert not team.pods()
        team.wait_until_ready(seconds=180)
    assert team.pods()


def test_with_seconds_of_latency_it_is_slow_and_right(proxied_team: Team, proxied: Proxied) -> None:
    pods = begin(proxied_team)
    with unharmed(proxied, proxied_team), proxied.proxy.behaving(Late(LATENCY_SECONDS)):
        disturb(proxied_team)
        eventually(lambda: is_done(proxied_team), "it is done", seconds=120)
    assert pods < proxied_team.pods()


def test_a_server_that_has_forgotten_what_was_tells_watches_to_list_again(
    proxied_team: Team, proxied: Proxied, control_plane: ControlPlane
) -> None:
    """Etcd is compacted; what the API server itself remembers goes where a CRD is another one."""
    pods = begin(proxied_team)
    with unharmed(proxied, proxied_team), served(proxied_team, newer()):
        compact(control_plane)
        rewinding = Rewinding()
        with proxied.proxy.behaving(rewinding):
            proxied.proxy.cut()
            disturb(proxied_team)
            eventually(lambda: rewinding.struck > 1, "what a watch asks for is forgotten")
        eventually(lambda: is_done(proxied_team), "what happened meanwhile is found")
    assert pods < proxied_team.pods()


def compact(control_plane: ControlPlane) -> None:
    folder = control_plane.folder / "credentials"
    script = [sys.executable, str(Path(compact_etcd.__file__)), str(folder), str(PORTS.etcd)]
    inside = network.in_namespace(control_plane.namespace, script)
    subprocess.run(inside, check=True, timeout=60)  # noqa: S603  - this repository's, no shell
