"""The operator may stop, die and start again at any time."""

import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.controlplane.operator_process import COMMAND, OperatorProcess
from tests.controlplane.team import (
    IMAGE,
    IMAGES,
    LONG_PATIENCE,
    Team,
    eventually,
    wait_for_quiet,
)
from tests.support.charts import REPOSITORY

IDLE_SECONDS = 60


def reconciles(operator: OperatorProcess) -> float:
    """How many have ended well."""
    return operator.metric('hcms_operator_reconciles_total{outcome="success"}')


def test_an_idle_minute_costs_the_api_server_nothing(team: Team, operator: OperatorProcess) -> None:
    """Nor does a reconcile that finds nothing to do."""
    operator.stop()
    operator.start()  # or its next list of everything might fall into the minute
    team.make("shop", autoscaling={}, tenants=[{"name": "acme", "ownerEmail": "a@example.com"}])
    team.make("blog", replicas=1)
    for name in ("shop", "blog"):
        team.wait_until_ready(name)
    wait_for_quiet(team.audit)
    place, before = team.audit.now(), reconciles(operator)
    team.patch("service", "shop", {"metadata": {"annotations": {"example.com/note": "news"}}})
    eventually(lambda: reconciles(operator) > before, "the news of a child is looked at")
    time.sleep(IDLE_SECONDS)
    asked = team.audit.since(place)
    assert [request for request in asked if request.verb != "watch"] == []
    assert 'hcms_operator_reconciles_total{outcome="error"}' not in operator.metrics()


def test_a_restart_with_tenants_that_are_well_writes_nothing(
    team: Team, operator: OperatorProcess
) -> None:
    for name in ("shop", "blog", "news"):
        team.make(name, replicas=2, tenants=[{"name": "acme", "ownerEmail": "a@example.com"}])
    for name in ("shop", "blog", "news"):
        team.wait_until_ready(name)
    wait_for_quiet(team.audit)
    place, keys = team.audit.now(), team.read_secret("shop-jwt")
    operator.stop()
    operator.start()
    wait_for_quiet(team.audit)
    asked = team.audit.since(place)
    assert [request for request in asked if request.is_write] == []
    everyone = team.audit.since(place, user=None)
    assert not [r for r in everyone if (r.verb, r.resource) == ("create", "/pods")]
    assert team.read_secret("shop-jwt") == keys


def test_what_changed_while_the_operator_was_away_is_put_right(
    team: Team, operator: OperatorProcess
) -> None:
    team.make(replicas=1)
    team.wait_until_ready()
    operator.stop()
    team.delete("service", "shop")
    team.patch("deployment", f"shop-{team.revision()}", {"spec": {"replicas": 4}})
    team.make(replicas=2)
    operator.start()
    team.wait_until_ready()
    assert team.names("service") == {"shop"}
    eventually(lambda: len(team.pods()) == 2, "two pods")


def has_record(team: Team) -> bool:
    return bool(team.all("controllerrevision"))


def has_job(team: Team) -> bool:
    return bool(team.all("job"))


def has_deployment(team: Team) -> bool:
    return bool(team.all("deployment"))


def wait_closely(look: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LONG_PATIENCE
    while not look():
        assert time.monotonic() < deadline
        time.sleep(0.02)  # or it would take the time of whom it waits for


@pytest.mark.parametrize("moment", [has_record, has_job, has_deployment])
def test_killed_in_the_middle_of_a_bring_up_it_ends_the_same(
    team: Team, operator: OperatorProcess, moment: Callable[[Team], bool]
) -> None:
    team.make(replicas=2, tenants=[{"name": "acme", "ownerEmail": "a@example.com"}])
    wait_closely(lambda: moment(team))
    operator.kill()
    secrets = {name: team.read_secret(name) for name in sorted(team.names("secret"))}
    operator.start()
    team.wait_until_ready()
    assert len(team.pods()) == 2
    assert {name: team.read_secret(name) for name in secrets} == secrets
    assert len(team.all("job")) == 1


@pytest.mark.parametrize("deployments", [1, 2])
def test_killed_in_the_middle_of_a_rollout_it_ends_the_same(
    team: Team, operator: OperatorProcess, deployments: int
) -> None:
    team.make(replicas=2)
    team.wait_until_ready()
    old = team.revision()
    team.make(replicas=2, image=f"{IMAGES}:slow-start")
    wait_closely(lambda: len(team.all("deployment")) >= deployments)
    operator.kill()
    operator.start()
    team.wait_until_ready()
    assert team.revision() != old
    eventually(lambda: team.names("deployment") == {f"shop-{team.revision()}"}, "the old one goes")
    assert len(team.pods()) == 2


def test_two_operators_at_once_do_no_harm(team: Team, operator: OperatorProcess) -> None:
    """An upgrade of the operator itself has two for a while."""
    other = operator.another("second-operator")
    other.start()
    try:
        team.make(replicas=2)
        team.wait_until_ready()
        pods = team.pods()
        team.make(replicas=2, image=f"{IMAGES}:2.0.0")
        team.wait_until_ready()
        assert not team.pods() & pods
        assert len(team.pods()) == 2
    finally:
        other.stop()
    eventually(lambda: IMAGE not in str(team.all("deployment")), "the old revision goes")


@pytest.fixture
def upgraded(operator: OperatorProcess, tmp_path: Path) -> OperatorProcess:
    """An operator whose builder of pods has changed."""
    source = tmp_path / "operator"
    # Other operators may be writing what Python has compiled.
    compiled = shutil.ignore_patterns("__pycache__")
    shutil.copytree(REPOSITORY / "operator", source, ignore=compiled)
    builder = source / "cms_operator" / "resources" / "pods" / "pod_template.py"
    old, text = '"annotations": {**pod.annotations', builder.read_text()
    assert old in text
    builder.write_text(text.replace(old, f'{old}, "rendered": "anew"'))
    return operator.another("upgraded-operator", source=source, command=COMMAND)


def test_an_upgrade_that_renders_pods_differently_restarts_none(
    team: Team, operator: OperatorProcess, upgraded: OperatorProcess
) -> None:
    team.make(replicas=2)
    team.wait_until_ready()
    pods, revision = team.pods(), team.revision()
    place = team.audit.now()
    with operator.replaced_by(upgraded):
        wait_for_quiet(team.audit)
        assert (team.pods(), team.revision()) == (pods, revision)
        everyone = team.audit.since(place, user=None)
        assert not [r for r in everyone if (r.verb, r.resource) == ("create", "/pods")]
        team.make("new", replicas=1)
        team.wait_until_ready("new")
        deployment = team.the("deployment", f"new-{team.revision('new')}")
        assert deployment["spec"]["template"]["metadata"]["annotations"] == {"rendered": "anew"}
    wait_for_quiet(team.audit)
    assert team.pods() == pods
