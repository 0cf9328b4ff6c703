"""What is not the operator's is never sent to it: the API server selects."""

import pytest
from aiohttp import web

from tests.controlplane.api import Object
from tests.controlplane.faults import Proxied
from tests.controlplane.proxy import Call, Fault, Forward
from tests.controlplane.team import Team, eventually

STRANGE, OWN = "somebody-elses", "shop-"
LISTS = 'hcms_operator_resyncs_total{outcome="success"}'
POD: Object = {"containers": [{"name": "c", "image": "registry.example/other:1"}]}
LABELS = {"app": STRANGE}
SELECTED = {"selector": {"matchLabels": LABELS}}
TEMPLATE = {"metadata": {"labels": LABELS}, "spec": POD}
OBJECTS: dict[str, tuple[str, Object]] = {
    "Secret": ("v1", {"stringData": {"password": STRANGE}}),
    "ConfigMap": ("v1", {"data": {"key": STRANGE}}),
    "ServiceAccount": ("v1", {}),
    "Service": ("v1", {"spec": {"selector": LABELS, "ports": [{"port": 80}]}}),
    "Deployment": ("apps/v1", {"spec": {"replicas": 1, **SELECTED, "template": TEMPLATE}}),
    "Job": (
        "batch/v1",
        {"spec": {"template": {**TEMPLATE, "spec": {**POD, "restartPolicy": "Never"}}}},
    ),
    "PodDisruptionBudget": ("policy/v1", {"spec": {"maxUnavailable": 1, **SELECTED}}),
    "NetworkPolicy": ("networking.k8s.io/v1", {"spec": {"podSelector": {}}}),
    "ControllerRevision": ("apps/v1", {"revision": 1, "data": LABELS}),
}


class Listening(Fault):
    """Keeps of which resources an answer or an event has held each of these words."""

    def __init__(self, *words: str) -> None:
        self.heard: dict[str, set[str]] = {word: set() for word in words}

    async def answer(self, call: Call, forward: Forward) -> web.StreamResponse:
        found = await forward()
        if isinstance(found, web.Response) and isinstance(found.body, bytes):
            self._hear(call, found.body)
        return found

    async def event(self, call: Call, line: bytes) -> bytes:
        self._hear(call, line)
        return line

    def _hear(self, call: Call, text: bytes) -> None:
        for word, resources in self.heard.items():
            if word.encode() in text:
                resources.add(call.resource)


@pytest.fixture
def strangers(proxied_team: Team) -> Team:
    """Somebody else's objects of each kind, with pods and addresses, beside a HeadlessCMS."""
    for kind, (version, rest) in OBJECTS.items():
        metadata = {"name": STRANGE, "labels": LABELS}
        proxied_team.apply({"apiVersion": version, "kind": kind, "metadata": metadata, **rest})
    eventually(lambda: len(proxied_team.all("pod")) == 2, "they have pods")
    return proxied_team


def test_nothing_of_a_strangers_is_ever_sent(strangers: Team, proxied: Proxied) -> None:
    team, operator, listening = strangers, proxied.operator, Listening(STRANGE, OWN)
    with proxied.proxy.behaving(listening):
        operator.stop()
        operator.start()
        team.make(replicas=1)
        team.wait_until_ready()
        for kind in OBJECTS:
            team.patch(kind, STRANGE, {"metadata": {"annotations": {"example.com/note": "new"}}})
        lists = operator.metric(LISTS)
        eventually(lambda: operator.metric(LISTS) > lists + 1, "it lists all again")
    assert listening.heard[STRANGE] == set()
    own = {"/secrets", "/pods", "apps/deployments", "discovery.k8s.io/endpointslices"}
    assert listening.heard[OWN] >= own, "else nothing was heard at all"
