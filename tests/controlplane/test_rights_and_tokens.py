"""Rights that are taken away and tokens that expire: the operator waits, and goes on."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from localcluster.controlplane import ControlPlane
from tests.controlplane.api import Api
from tests.controlplane.audit import Place, Request
from tests.controlplane.in_cluster import Account, authority_of, process
from tests.controlplane.operator_process import OperatorProcess
from tests.controlplane.team import Team, eventually

QUIET_SECONDS = 2.0
UNAUTHORIZED = 401
# An API server remembers a token that was good for 10 s.
EXPIRY_SECONDS = 30.0


@pytest.fixture
def account(team: Team, api: Api, tmp_path: Path) -> Iterator[Account]:
    made = Account(api, team.namespace, tmp_path / "account", authority_of(team.control_plane))
    yield made
    made.forbid()


@pytest.fixture
def in_cluster(
    control_plane: ControlPlane, operator: OperatorProcess, account: Account
) -> Iterator[OperatorProcess]:
    """In place of the tier's operator."""
    operator.stop()
    pod = process(control_plane, account, operator.log.with_name("in-cluster-operator.log"))
    pod.start()
    yield pod
    pod.stop()
    operator.start()


class Watched:
    """What the operator has written of a team's objects since a place in the audit log."""

    def __init__(self, team: Team, account: Account) -> None:
        self._team = team
        self._user = f"system:serviceaccount:{account.namespace}:{account.name}"
        self._place: Place = team.audit.now()

    def asked(self) -> list[Request]:
        return self._team.audit.since(self._place, self._user)

    def is_unharmed(self) -> None:
        """All came to rest, nothing was deleted, no child was written twice."""
        for name in self._team.names("headlesscms"):
            self._team.wait_until_ready(name)
        eventually(self._is_quiet, "the operator writes nothing more")
        written = [r for r in self.asked() if r.is_write and r.status < 300]
        assert [r for r in written if r.verb == "delete"] == []
        children = [(r.resource, r.name) for r in written if "/status" not in r.resource]
        once = {found for found in children if found[0] != "events.k8s.io/events"}
        assert sorted(found for found in children if found in once) == sorted(once)

    def _is_quiet(self) -> bool:
        before = sum(r.is_write for r in self.asked())
        time.sleep(QUIET_SECONDS)
        return sum(r.is_write for r in self.asked()) == before


@pytest.mark.usefixtures("in_cluster")
def test_an_expired_token_is_followed_by_the_one_that_its_file_has_next(
    team: Team, account: Account, in_cluster: OperatorProcess
) -> None:
    team.make(replicas=1)
    team.wait_until_ready()
    pods, watched = team.pods(), Watched(team, account)
    account.expire()
    eventually(lambda: is_refused(in_cluster), "the token is good no more", EXPIRY_SECONDS)
    team.make(replicas=2)
    team.delete("service", "shop")
    account.renew()
    eventually(lambda: len(team.pods()) == 2, "it goes on")
    watched.is_unharmed()
    assert in_cluster.is_running()
    assert pods < team.pods()
    assert team.names("service") == {"shop"}


def is_refused(operator: OperatorProcess) -> bool:
    return f'code="{UNAUTHORIZED}"' in operator.metrics()


def test_rights_that_are_gone_for_a_while_cost_nothing_but_that_while(
    team: Team, account: Account, in_cluster: OperatorProcess
) -> None:
    team.make(replicas=1)
    team.wait_until_ready()
    pods, watched = team.pods(), Watched(team, account)
    account.forbid()
    team.make(replicas=2)
    team.delete("service", "shop")
    eventually(lambda: any(not r.allowed for r in watched.asked()), "it is refused")
    time.sleep(QUIET_SECONDS)
    assert team.pods() == pods
    assert len(watched.asked()) < 300, "it does not storm"
    account.allow()
    eventually(lambda: len(team.pods()) == 2, "it goes on")
    watched.is_unharmed()
    assert in_cluster.is_running()
    assert pods < team.pods()
    assert team.names("service") == {"shop"}


@pytest.mark.parametrize("verb", ["patch", "list"])
def test_a_single_right_that_is_missing_is_told_and_heals(
    team: Team, account: Account, in_cluster: OperatorProcess, verb: str
) -> None:
    team.make(replicas=1)
    team.wait_until_ready()
    pods, watched = team.pods(), Watched(team, account)
    account.forbid_only(verb, "services")
    team.delete("service", "shop")
    team.make(replicas=2)
    if verb == "patch":
        message = team.wait_for("ChildrenOwned", "False", "ApiRefused")
        assert "Service" in message
        assert "forbidden" in message
    eventually(lambda: len(team.pods()) == 2, "the rest goes on")
    account.allow_all_again()
    eventually(lambda: team.names("service") == {"shop"}, "the Service comes back")
    watched.is_unharmed()
    assert in_cluster.is_running()
    assert pods < team.pods()
