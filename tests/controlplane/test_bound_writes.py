"""A write that comes late, from an operator that no longer works, is refused by the API server."""

import pytest

from cms_operator.cluster.writing.apply import CREATE_ONLY
from tests.controlplane.api import Object
from tests.controlplane.faults import Proxied
from tests.controlplane.proxy import Call
from tests.controlplane.releases import WAYS, release
from tests.controlplane.team import Team

EVENTS = "events.k8s.io/events"
GUARD = {"uid", "resourceVersion"}
AT_LEAST = {
    ("patch", "headlesscms.io/headlesscmses/status"),
    ("patch", "/secrets"),
    ("create", "batch/jobs"),
    ("patch", "apps/deployments"),
    ("delete", "apps/deployments"),
    ("create", EVENTS),
}


@pytest.mark.parametrize("strategy", WAYS)
def test_every_write_is_bound_to_what_was_read(
    proxied_team: Team, proxied: Proxied, strategy: str
) -> None:
    place = len(proxied.proxy.answers)
    release(proxied_team, strategy, lambda: None)
    writes = [found.call for found in proxied.proxy.answers[place:] if found.call.is_write]
    assert {(call.verb, call.resource) for call in writes} >= AT_LEAST
    assert [call.path for call in writes if not is_bound(call)] == []


def is_bound(call: Call) -> bool:
    if call.verb == "create":  # refused where the name is taken; Events follow a status
        return True
    guard: Object = call.json["preconditions" if call.verb == "delete" else "metadata"]
    is_creation = call.verb == "patch" and guard.get("resourceVersion") == CREATE_ONLY
    return is_creation or guard.keys() >= GUARD
