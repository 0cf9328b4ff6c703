"""What kopf asks for HeadlessCMS objects goes wrong in every way: it goes on, and misses nothing.

Here the operator itself never lists again.
"""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus

import pytest

from cms_operator.cluster.kinds import HEADLESS_CMS
from tests.controlplane.api import Api
from tests.controlplane.faults import (
    Babbling,
    Closing,
    Counted,
    Denying,
    Erring,
    Expiring,
    Hanging,
    Of,
    Proxied,
    behind_a_proxy,
)
from tests.controlplane.operator_process import OperatorProcess
from tests.controlplane.proxy import Call, Fault
from tests.controlplane.team import Team, eventually
from tests.controlplane.unharmed import unharmed

NEVER_SECONDS = 86_400
OUTAGE_SECONDS = 20
PARENTS = f"{HEADLESS_CMS.group}/{HEADLESS_CMS.plural}"
# A list and a watch at least every two seconds would be a storm.
MOST_REQUESTS = 40
NAMELESS = json.dumps({"type": "ADDED", "object": {"metadata": {}}}).encode() + b"\n"


@pytest.fixture(scope="module")
def proxied(operator: OperatorProcess) -> Iterator[Proxied]:
    with behind_a_proxy(operator, "kopf-faults-operator", NEVER_SECONDS) as found:
        yield found


def of_parents(call: Call) -> bool:
    return call.resource == PARENTS and not call.is_write


def is_watch(call: Call) -> bool:
    return call.is_watch


def both(_: Call) -> bool:
    return True


FAULTS: dict[str, Callable[[], Counted]] = {
    "401 as the answer to a watch": lambda: Denying(
        HTTPStatus.UNAUTHORIZED, "Unauthorized", is_watch
    ),
    "401 as each answer": lambda: Denying(HTTPStatus.UNAUTHORIZED, "Unauthorized", both),
    "404 as each answer": lambda: Denying(HTTPStatus.NOT_FOUND, "NotFound", both),
    "410 as the answer to a watch": lambda: Denying(HTTPStatus.GONE, "Expired", is_watch),
    "410 as each answer": lambda: Denying(HTTPStatus.GONE, "Expired", both),
    "400 as each answer": lambda: Denying(HTTPStatus.BAD_REQUEST, "BadRequest", both),
    "503 as each answer": lambda: Denying(
        HTTPStatus.SERVICE_UNAVAILABLE, "ServiceUnavailable", both
    ),
    "410 in an event": Expiring,
    "500 in an event": lambda: Erring(HTTPStatus.INTERNAL_SERVER_ERROR, "InternalError"),
    "no JSON in an event": lambda: Babbling(b"<html>\n"),
    "no object in an event": lambda: Babbling(NAMELESS),
    "closed": lambda: Closing(0),
    "closed in the middle of a line": lambda: Closing(0.5),
}


@pytest.mark.parametrize("way", FAULTS)
def test_what_happens_while_kopf_cannot_follow_is_found(
    proxied_team: Team, proxied: Proxied, way: str
) -> None:
    fault = FAULTS[way]()
    with changed_during(fault, proxied, proxied_team):
        eventually(lambda: fault.struck > 1, "it strikes")


@pytest.mark.parametrize(
    "fault",
    [Denying(HTTPStatus.SERVICE_UNAVAILABLE, "ServiceUnavailable", both), Hanging()],
    ids=["503", "hanging"],
)
def test_an_outage_costs_nothing_but_its_time(
    proxied_team: Team, proxied: Proxied, fault: Fault
) -> None:
    with changed_during(fault, proxied, proxied_team):
        time.sleep(OUTAGE_SECONDS)


def test_what_kopf_would_read_or_take_away_of_an_object_is_left_alone(
    proxied_team: Team, proxied: Proxied
) -> None:
    """Other operators on kopf leave it; this one keeps nothing of the kind."""
    team = proxied_team
    team.make(replicas=1)
    team.wait_until_ready()
    finalizers = ["kopf.zalando.org/KopfFinalizerMarker"]
    annotations = {"kopf.zalando.org/last-handled-configuration": "{"}
    metadata = {"finalizers": finalizers, "annotations": annotations}
    team.patch("headlesscms", "shop", {"metadata": metadata})
    with unharmed(proxied, team):
        team.make(replicas=2)
        eventually(lambda: len(team.pods()) == 2, "the change is found")
    found = team.the("headlesscms", "shop")["metadata"]
    assert found["finalizers"] == finalizers
    assert annotations.items() <= found["annotations"].items()
    team.patch("headlesscms", "shop", {"metadata": {"finalizers": None}})


@contextmanager
def changed_during(fault: Fault, proxied: Proxied, team: Team) -> Iterator[None]:
    """Objects change while the fault lasts; afterwards all of it is found, without a storm."""
    begin(team, proxied)
    proxy, place = proxied.proxy, len(proxied.proxy.answers)
    with unharmed(proxied, team):
        with proxy.behaving(Of(fault, of_parents)):
            proxy.cut()
            change(team)
            yield
        assert_found(team, proxied)
    assert_no_storm(proxied, place)


def begin(team: Team, proxied: Proxied) -> None:
    """`blog` has no children, whose events would tell that it is gone."""
    team.make("shop", replicas=1)
    team.make("blog", suspend=True)
    team.wait_until_ready("shop")
    eventually(lambda: known(proxied) == there(team.api), "both are known")


def change(team: Team) -> None:
    team.make("shop", replicas=2)
    team.make("news", replicas=1)
    team.delete("headlesscms", "blog")


def assert_found(team: Team, proxied: Proxied) -> None:
    eventually(lambda: len(team.pods("shop")) == 2, "the change is found")
    team.wait_until_ready("news")
    eventually(lambda: known(proxied) == there(team.api), "the deletion is found")


def known(proxied: Proxied) -> float:
    return proxied.operator.metric("hcms_operator_objects")


def there(api: Api) -> int:
    return len(api.request("GET", HEADLESS_CMS.path(None))["items"])


def assert_no_storm(proxied: Proxied, place: int) -> None:
    asked = [found for found in proxied.proxy.answers[place:] if of_parents(found.call)]
    assert len(asked) < MOST_REQUESTS
