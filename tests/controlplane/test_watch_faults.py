"""Watches that break off in every way: the operator lives, and finds what it has not been told."""

from collections.abc import Callable
from http import HTTPStatus

import pytest

from cms_operator.cluster.kinds import ALL
from tests.controlplane.faults import Closing, Counted, Denying, Erring, Expiring, Proxied
from tests.controlplane.proxy import Call
from tests.controlplane.team import LONG_PATIENCE, Team, eventually
from tests.controlplane.unharmed import unharmed

# A watch that has told an error tells the next one only when something happens.
STRIKES = 6
WATCHED = {f"{kind.group}/{kind.plural}" for kind in ALL if not kind.optional}


def watches(call: Call) -> bool:
    return call.is_watch


def reads(call: Call) -> bool:
    return not call.is_write


FAULTS: dict[str, Callable[[], Counted]] = {
    "closed": lambda: Closing(0),
    "closed in the middle of a line": lambda: Closing(0.5),
    "410 in an event": Expiring,
    "410 as the answer": lambda: Denying(HTTPStatus.GONE, "Expired", watches),
    "500 in an event": lambda: Erring(HTTPStatus.INTERNAL_SERVER_ERROR, "InternalError"),
    "500 as the answer": lambda: Denying(HTTPStatus.INTERNAL_SERVER_ERROR, "InternalError", reads),
    "429 as the answer": lambda: Denying(HTTPStatus.TOO_MANY_REQUESTS, "TooManyRequests", reads),
    "403 as the answer": lambda: Denying(HTTPStatus.FORBIDDEN, "Forbidden", reads),
    "401 as the answer": lambda: Denying(HTTPStatus.UNAUTHORIZED, "Unauthorized", reads),
}


@pytest.mark.parametrize("way", FAULTS)
def test_what_happens_while_watches_break_off_is_found(
    proxied_team: Team, proxied: Proxied, way: str
) -> None:
    team, proxy = proxied_team, proxied.proxy
    for name in ("shop", "blog"):
        team.make(name, replicas=1)
    for name in ("shop", "blog"):
        team.wait_until_ready(name)
    pods = team.pods("shop")
    with unharmed(proxied, team):
        fault = FAULTS[way]()
        with proxy.behaving(fault):
            proxy.cut()
            team.make("shop", replicas=2)
            team.make("news", replicas=1)
            team.delete("headlesscms", "blog")
            team.delete("service", "shop")
            eventually(lambda: fault.struck > STRIKES, "watches break off")
        place = len(proxy.answers)
        eventually(lambda: watched(proxied, place) >= WATCHED, "all is watched again")
    assert pods < team.pods("shop")
    kept = {"shop", "news"}
    eventually(lambda: team.names("service") == kept, "what was deleted is gone", LONG_PATIENCE)


def watched(proxied: Proxied, place: int) -> set[str]:
    return {
        found.call.resource
        for found in proxied.proxy.answers[place:]
        if found.call.is_watch and found.status == HTTPStatus.OK
    }
