"""A fault that harms nobody: all is as asked in the end, nothing torn down, nothing done twice."""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tests.controlplane.audit import Request
from tests.controlplane.faults import Proxied
from tests.controlplane.operator_process import OperatorProcess
from tests.controlplane.proxy import Answer
from tests.controlplane.team import Team, eventually

CREATED = 201
QUIET_SECONDS = 2.0
EVENTS = "events.k8s.io/events"
OF_A_REVISION = {
    "apps/deployments",
    "/configmaps",
    "policy/poddisruptionbudgets",
    "apps/controllerrevisions",
    "batch/jobs",
}
Picks = Callable[[Answer], bool]


@contextmanager
def unharmed(
    proxied: Proxied, team: Team, may_go: Picks = lambda _: False, seconds: float = 60.0
) -> Iterator[None]:
    """At the end of the block every HeadlessCMS of the team comes to rest by itself, the operator
    has run all the time, has deleted nothing but what `may_go` allows, and has written nothing
    that it had just written.
    """
    pid = proxied.operator.pid
    with harmless_writes(proxied, team, may_go):
        yield
        for name in team.names("headlesscms"):
            team.wait_until_ready(name, seconds)
    assert proxied.operator.is_running(), "the operator has ended"
    assert proxied.operator.pid == pid


@contextmanager
def harmless_writes(proxied: Proxied, team: Team, may_go: Picks) -> Iterator[None]:
    """The same of what the operator writes, however often it dies."""
    place = len(proxied.proxy.answers)
    yield
    written = settled(proxied, team, place)
    torn_down = [
        (found.call.resource, found.call.name)
        for found in written
        if found.call.verb == "delete" and not may_go(found)
    ]
    assert torn_down == [], torn_down
    twice = done_twice(written)
    assert twice == [], twice


def retired(found: Answer) -> bool:
    """What a release takes away in its end: the old revision, and the preview of the new one."""
    call = found.call
    preview = call.resource == "/services" and call.name.endswith("-preview")
    return preview or call.resource in OF_A_REVISION


def settled(proxied: Proxied, team: Team, place: int) -> list[Answer]:
    """What the server has taken from the operator, once it asks for nothing more."""

    def writes() -> list[Answer]:
        return [
            found
            for found in proxied.proxy.answers[place:]
            if found.call.is_write and f"/{team.namespace}/" in found.call.path
        ]

    until_quiet(lambda: len(writes()))
    return [found for found in writes() if found.status < 300]


def done_twice(written: list[Answer]) -> list[tuple[str, str]]:
    """Writes that say the same as the one before to the same object, and were taken again.

    What is said of the version that was read is no part of it. An object that is created was not
    there: somebody else has deleted it. An Event may come again.
    """
    last: dict[tuple[str, str], object] = {}
    twice = []
    for found in written:
        call = found.call
        if call.resource == EVENTS:
            continue
        place, body = (call.resource, call.path), call.json
        for word in ("resourceVersion", "uid"):
            body.get("metadata", {}).pop(word, None)
        if last.get(place) == body and found.status != CREATED:
            twice.append((call.resource, json.dumps(body)))
        last[place] = body
    return twice


class Audited:
    """The same of an operator that needs no proxy, by the audit log, which knows no contents.

    So a child may be written but once from begin() to end().
    """

    def __init__(self, team: Team, user: str, operator: OperatorProcess) -> None:
        self._team = team
        self._user = user
        self._operator = operator

    def begin(self) -> None:
        self._pid, self._place = self._operator.pid, self._team.audit.now()

    def asked(self) -> list[Request]:
        return self._team.audit.since(self._place, self._user)

    def end(self) -> None:
        for name in self._team.names("headlesscms"):
            self._team.wait_until_ready(name)
        until_quiet(lambda: sum(found.is_write for found in self.asked()))
        assert self._operator.is_running(), "the operator has ended"
        assert self._operator.pid == self._pid
        written = [found for found in self.asked() if found.is_write and found.status < 300]
        assert [found for found in written if found.verb == "delete"] == []
        times = Counter((found.resource, found.name) for found in written)
        twice = [what for what, count in times.items() if count > 1 and is_child(what[0])]
        assert twice == [], twice


def is_child(resource: str) -> bool:
    return resource != EVENTS and not resource.endswith("/status")


def until_quiet(writes: Callable[[], int]) -> None:
    def is_quiet() -> bool:
        before = writes()
        time.sleep(QUIET_SECONDS)
        return writes() == before

    eventually(is_quiet, "the operator writes nothing more")
