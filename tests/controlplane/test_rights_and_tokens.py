"""Rights that are taken away and tokens that expire: the operator waits, and goes on."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from localcluster.controlplane import ControlPlane
from tests.controlplane.api import Api
from tests.controlplane.in_cluster import Account, authority_of, process
from tests.controlplane.operator_process import OperatorProcess
from tests.controlplane.team import LONG_PATIENCE, Team, eventually
from tests.controlplane.unharmed import QUIET_SECONDS, Audited

UNAUTHORIZED = 401
FORBIDDEN = "hcms_operator_api_forbidden_total"
# An API server remembers a token that was good for 10 s, and the next list comes in as many.
EXPIRY_SECONDS = 90.0


@pytest.fixture
def account(team: Team, api: Api, tmp_path: Path) -> Iterator[Account]:
    made = Account(api, team.namespace, tmp_path / "account", authority_of(team.control_plane))
    yield made
    made.forbid()


@pytest.fixture
def in_cluster(
    control_plane: ControlPlane, operator: OperatorProcess, account: Account
) -> Iterator[OperatorProcess]:
    """An operator in place of the tier's, with an account's token."""
    pod = process(control_plane, account, operator.log.with_name("in-cluster-operator.log"))
    with operator.replaced_by(pod):
        yield pod


@pytest.fixture
def audited(team: Team, account: Account, in_cluster: OperatorProcess) -> Audited:
    return Audited(team, account.user, in_cluster)


def test_an_expired_token_is_followed_by_the_one_that_its_file_has_next(
    team: Team, account: Account, in_cluster: OperatorProcess, audited: Audited
) -> None:
    team.make(replicas=1)
    team.wait_until_ready()
    pods = team.pods()
    audited.begin()
    account.expire()
    eventually(lambda: is_refused(in_cluster), "the token is good no more", EXPIRY_SECONDS)
    team.make(replicas=2)
    team.delete("service", "shop")
    account.renew()
    eventually(lambda: len(team.pods()) == 2, "it goes on", LONG_PATIENCE)
    audited.end()
    assert pods < team.pods()
    assert team.names("service") == {"shop"}


def is_refused(operator: OperatorProcess) -> bool:
    return f'code="{UNAUTHORIZED}"' in operator.metrics()


def test_rights_that_are_gone_for_a_while_cost_nothing_but_that_while(
    team: Team, account: Account, audited: Audited
) -> None:
    team.make(replicas=1)
    team.wait_until_ready()
    pods = team.pods()
    audited.begin()
    account.forbid()
    team.make(replicas=2)
    team.delete("service", "shop")
    eventually(lambda: any(not r.allowed for r in audited.asked()), "it is refused")
    time.sleep(QUIET_SECONDS)
    assert team.pods() == pods
    assert len(audited.asked()) < 300, "it does not storm"
    account.allow()
    eventually(lambda: len(team.pods()) == 2, "it goes on")
    audited.end()
    assert pods < team.pods()
    assert team.names("service") == {"shop"}


@pytest.mark.parametrize("verb", ["patch", "list"])
def test_a_single_right_that_is_missing_is_told_and_heals(
    team: Team, account: Account, in_cluster: OperatorProcess, audited: Audited, verb: str
) -> None:
    team.make(replicas=1)
    team.wait_until_ready()
    pods = team.pods()
    audited.begin()
    account.forbid_only(verb, "services")
    team.delete("service", "shop")
    team.make(replicas=2)
    if verb == "patch":
        message = team.wait_for("ChildrenOwned", "False", "ApiRefused")
        assert "Service" in message
        assert "forbidden" in message
    eventually(lambda: len(team.pods()) == 2, "the rest goes on")
    refusals = f'{FORBIDDEN}{{resource="services",verb="{verb}"}}'
    eventually(lambda: in_cluster.metric(refusals), "it is counted")
    account.allow_all_again()
    eventually(lambda: team.names("service") == {"shop"}, "the Service comes back")
    audited.end()
    assert pods < team.pods()
