"""Others' rules refuse a child: the condition says which and why, and it heals by itself."""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass

import pytest

from localcluster.controlplane import ControlPlane
from tests.controlplane import refusals
from tests.controlplane.api import Api
from tests.controlplane.faults import Proxied
from tests.controlplane.refusals import WORDS
from tests.controlplane.team import LONG_PATIENCE, Team, eventually
from tests.controlplane.unharmed import settled, unharmed, until_quiet

FORBIDDEN = "hcms_operator_api_forbidden_total"


@dataclass(frozen=True)
class Way:
    refuse: Callable[..., AbstractContextManager[None]]
    resource: str
    kind: str
    words: str
    reason: str = "ApiRefused"


WAYS = [
    Way(refusals.a_policy, "services", "Service", WORDS),
    Way(refusals.a_policy, "deployments", "Deployment", WORDS),
    Way(refusals.a_policy, "poddisruptionbudgets", "PodDisruptionBudget", WORDS),
    Way(refusals.a_webhook_that_is_down, "deployments", "Deployment", "failed calling webhook"),
    Way(refusals.a_webhook_that_finds_a_conflict, "services", "Service", WORDS),
    Way(refusals.a_webhook_that_finds_a_conflict, "deployments", "Deployment", WORDS),
    Way(refusals.a_quota, "deployments.apps", "Deployment", "quota", "QuotaExceeded"),
]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: f"{way.refuse.__name__}-{way.resource}")
def test_a_child_that_is_refused_is_told_and_made_once_it_may_be(
    proxied_team: Team, proxied: Proxied, way: Way
) -> None:
    team = proxied_team
    with unharmed(proxied, team):
        with way.refuse(team, way.resource):
            team.make(replicas=2)
            message = team.wait_for("ChildrenOwned", "False", way.reason)
            assert way.kind in message
            assert way.words in message
            assert team.condition("Ready")[0] == "False"
            others = {"service", "deployment", "poddisruptionbudget"} - {way.kind.lower()}
            eventually(lambda: all(map(team.all, others)), "the others are made")
            assert not team.all(way.kind.lower())
            counted = proxied.operator.metrics(FORBIDDEN)
            assert f"{FORBIDDEN}{{" not in counted, "it lacks no right"
        team.wait_until_ready()
    assert team.condition("ChildrenOwned")[0] == "True"


def test_pods_serve_on_while_a_change_is_refused(proxied_team: Team, proxied: Proxied) -> None:
    team = proxied_team
    team.make(replicas=1)
    team.wait_until_ready()
    pods = team.pods()
    with unharmed(proxied, team):
        with refusals.a_webhook_that_is_down(team, "deployments", "services"):
            team.make(replicas=2)
            team.delete("service", "shop")
            team.wait_for("ChildrenOwned", "False", "ApiRefused")
            eventually(lambda: {"Service", "Deployment"} <= blamed(team), "it names both")
            assert team.pods() == pods
        eventually(lambda: len(team.pods()) == 2, "it grows")
    assert pods < team.pods()
    assert team.names("service") == {"shop"}


def blamed(team: Team) -> set[str]:
    return set(re.findall(r"\w+", team.condition("ChildrenOwned")[2]))


@pytest.fixture
def other_team(control_plane: ControlPlane, api: Api, proxied_team: Team) -> Iterator[Team]:
    other = Team(control_plane, api, f"{proxied_team.namespace}-other")
    other.create()
    yield other
    other.remove()


def test_one_that_is_always_refused_holds_up_nobody(
    proxied_team: Team, proxied: Proxied, other_team: Team
) -> None:
    names = [f"shop-{number}" for number in range(4)]
    with (
        unharmed(proxied, proxied_team),
        unharmed(proxied, other_team),
        refusals.a_policy(proxied_team, "deployments"),
    ):
        proxied_team.make(replicas=1)
        proxied_team.wait_for("ChildrenOwned", "False", "ApiRefused")
        # News of the children that were made is a reason to try at once.
        until_quiet(lambda: refused(proxied, proxied_team, 0))
        place, begun = len(proxied.proxy.answers), time.monotonic()
        for name in names:
            other_team.make(name, replicas=1)
        for name in names:
            other_team.wait_until_ready(name)
        tries = refused(proxied, proxied_team, place)
        assert tries <= 2 + (time.monotonic() - begun) / 5
        assert proxied_team.condition("ChildrenOwned")[0] == "False"


def refused(proxied: Proxied, team: Team, place: int) -> int:
    return sum(
        found.call.is_write and found.status >= 400 and f"/{team.namespace}/" in found.call.path
        for found in proxied.proxy.answers[place:]
    )


def test_nothing_is_made_in_a_namespace_that_ends(
    proxied_team: Team, proxied: Proxied, control_plane: ControlPlane, api: Api
) -> None:
    """Somebody's finalizer keeps the HeadlessCMS, and with it the namespace, for a while."""
    ending = Team(control_plane, api, f"{proxied_team.namespace}-ending")
    ending.create()
    ending.make("shop", replicas=1)
    ending.wait_until_ready("shop")
    ending.patch("headlesscms", "shop", {"metadata": {"finalizers": ["example.com/hold"]}})
    ending.make("blog", replicas=1)
    with unharmed(proxied, proxied_team):
        api.request("DELETE", f"/api/v1/namespaces/{ending.namespace}")
        held = {"headlesscms/shop"}
        eventually(lambda: ending.left_over() == held, "the rest is gone", LONG_PATIENCE)
        settled(proxied, ending, 0)
        place = len(proxied.proxy.answers)
        proxied_team.make(replicas=1)
        proxied_team.wait_until_ready()
        assert settled(proxied, ending, place) == []
        assert refused(proxied, ending, place) == 0
    ending.patch("headlesscms", "shop", {"metadata": {"finalizers": None}})
    name = ending.namespace
    eventually(lambda: name not in namespaces(api), "the namespace is gone", LONG_PATIENCE)


def namespaces(api: Api) -> set[str]:
    items = api.request("GET", "/api/v1/namespaces")["items"]
    return {found["metadata"]["name"] for found in items}
