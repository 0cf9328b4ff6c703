"""An API server that is away, refuses, or loses what its watches should tell, in a release."""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from http import HTTPStatus

import pytest

from tests.controlplane.faults import Expiring, Hanging, Proxied, Refusing, Silent, Slow
from tests.controlplane.proxy import Fault, Proxy
from tests.controlplane.releases import WAYS, one, release
from tests.controlplane.team import Team, eventually
from tests.controlplane.unharmed import retired, unharmed

OUTAGE_SECONDS = 8
CONFLICT = (HTTPStatus.CONFLICT, "Conflict")
BUSY = (HTTPStatus.TOO_MANY_REQUESTS, "TooManyRequests")
BROKEN = (HTTPStatus.INTERNAL_SERVER_ERROR, "InternalError")
UNAVAILABLE = (HTTPStatus.SERVICE_UNAVAILABLE, "ServiceUnavailable")


def away(proxy: Proxy) -> AbstractContextManager[None]:
    return proxy.away()


def hanging(proxy: Proxy) -> AbstractContextManager[None]:
    return proxy.behaving(Hanging())


@pytest.mark.parametrize(("strategy", "outage"), [("Canary", hanging), ("BlueGreen", away)])
def test_away_in_the_middle_of_a_release(
    proxied_team: Team,
    proxied: Proxied,
    strategy: str,
    outage: Callable[[Proxy], AbstractContextManager[None]],
) -> None:
    def disturb() -> None:
        with outage(proxied.proxy):
            time.sleep(OUTAGE_SECONDS)

    with unharmed(proxied, proxied_team, may_go=retired):
        release(proxied_team, strategy, disturb)


@pytest.mark.long
@pytest.mark.parametrize("outage", [away, hanging])
@pytest.mark.parametrize("strategy", WAYS)
def test_away_for_a_minute_in_the_middle_of_a_release(
    proxied_team: Team,
    proxied: Proxied,
    strategy: str,
    outage: Callable[[Proxy], AbstractContextManager[None]],
) -> None:
    def disturb() -> None:
        with outage(proxied.proxy):
            time.sleep(60)

    with unharmed(proxied, proxied_team, may_go=retired):
        release(proxied_team, strategy, disturb)


@pytest.mark.parametrize(
    ("strategy", "fault"),
    [
        ("Canary", Refusing(CONFLICT)),
        ("RollingUpdate", Refusing(BUSY, UNAVAILABLE)),
        ("BlueGreen", Refusing(BROKEN)),
    ],
    ids=["Canary-conflicts", "RollingUpdate-busy", "BlueGreen-broken"],
)
def test_a_storm_of_refused_writes(
    proxied_team: Team, proxied: Proxied, strategy: str, fault: Refusing
) -> None:
    def disturb() -> None:
        with proxied.proxy.behaving(fault):
            eventually(lambda: fault.refused > 2, "it refuses")
            time.sleep(2)

    with unharmed(proxied, proxied_team, may_go=retired):
        release(proxied_team, strategy, disturb)


@pytest.mark.parametrize(
    ("strategy", "fault"),
    [("RollingUpdate", Expiring()), ("BlueGreen", Slow(0.3))],
    ids=["RollingUpdate-expiring", "BlueGreen-slow"],
)
def test_watches_that_tell_late_or_expire(
    proxied_team: Team, proxied: Proxied, strategy: str, fault: Fault
) -> None:
    def disturb() -> None:
        proxied.proxy.cut()
        with proxied.proxy.behaving(fault):
            eventually(lambda: one(proxied_team), "the old one is gone", seconds=120)

    with unharmed(proxied, proxied_team, may_go=retired):
        release(proxied_team, strategy, disturb)


def test_connections_that_break_off_again_and_again(proxied_team: Team, proxied: Proxied) -> None:
    def disturb() -> None:
        for _ in range(10):
            proxied.proxy.cut()
            time.sleep(0.5)

    with unharmed(proxied, proxied_team, may_go=retired):
        release(proxied_team, "Canary", disturb)


def test_events_that_no_watch_ever_tells_are_found_by_the_next_list(
    proxied_team: Team, proxied: Proxied
) -> None:
    def disturb() -> None:
        with proxied.proxy.behaving(Silent()):
            eventually(lambda: one(proxied_team), "the old one is gone", seconds=120)

    with unharmed(proxied, proxied_team, may_go=retired):
        release(proxied_team, "RollingUpdate", disturb, image="2.0.0", n=1)
