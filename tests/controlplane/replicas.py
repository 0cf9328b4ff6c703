"""Several operators with one Lease, as the chart installs them."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

from cms_operator.cluster.leader_election.lease import LEASE
from cms_operator.cluster.transport.client import FIELD_MANAGER
from tests.controlplane.api import Api, Object, RefusedError
from tests.controlplane.audit import AuditLog, Place, Request
from tests.controlplane.operator_process import OperatorProcess
from tests.controlplane.team import NOT_FOUND, eventually
from tests.support.charts import NAMESPACE

NAME = "r-headlesscms-operator"
PATH = LEASE.path(NAMESPACE, NAME)
RESOURCE = f"{LEASE.group}/{LEASE.plural}"
# Nobody waits for it where a lease is given back; where a leader dies, somebody does.
LONG_SECONDS, SHORT_SECONDS = 60, 8


@dataclass
class Replicas:
    """`pattern` is what each is started like."""

    pattern: OperatorProcess
    api: Api
    lease_seconds: int = SHORT_SECONDS
    environment: dict[str, str] = field(default_factory=dict)
    running: list[OperatorProcess] = field(default_factory=list)

    def start(self, **changes: Any) -> OperatorProcess:
        """One more, ready to lead."""
        environment = {
            **self.environment,
            "HCMS_LEADER_ELECTION": "true",
            "HCMS_OPERATOR_NAMESPACE": NAMESPACE,
            "HCMS_LEASE_NAME": NAME,
            "HCMS_LEASE_SECONDS": str(self.lease_seconds),
        }
        name = f"replica-{len(self.running)}-operator"
        process = self.pattern.another(name, environment=environment, **changes)
        process.start()
        self.running.append(process)
        return process

    def stop(self) -> None:
        """All of them, also those that were frozen."""
        with ExitStack() as each:
            for process in self.running:
                if process.is_running():
                    process.wake()
                    each.callback(process.stop)

    def lead(self) -> OperatorProcess:
        """Start the first, and wait until it leads."""
        first = self.start()
        eventually(lambda: leads(first), "the first one leads")
        return first

    def take_over(self, process: OperatorProcess) -> str:
        """Wait until it leads, and return who it is to the API server."""
        eventually(lambda: leads(process), "the other one leads")
        return self.agent()

    def freeze_the_leader(self) -> tuple[OperatorProcess, str]:
        """Return it with who it is to the API server."""
        (leader,) = eventually(self.leaders, "one leads")
        agent = self.agent()
        leader.freeze()
        return leader, agent

    def lease(self) -> Object:
        found: Object = self.api.request("GET", PATH)
        return found

    def is_held(self) -> bool:
        try:
            return bool(self.lease()["spec"].get("holderIdentity"))
        except RefusedError as error:
            if error.status != NOT_FOUND:
                raise
            return False

    def agent(self) -> str:
        """What the holder of the Lease calls itself."""
        return f"{FIELD_MANAGER}/{self.lease()['spec'].get('holderIdentity', '')}"

    def leaders(self) -> list[OperatorProcess]:
        return [process for process in self.running if process.is_running() and leads(process)]


def leads(process: OperatorProcess) -> bool:
    return process.metric("hcms_operator_leader") == 1


@contextmanager
def instead_of(operator: OperatorProcess, replicas: Replicas) -> Iterator[Replicas]:
    """The one that all tests share is away meanwhile."""
    with ExitStack() as in_the_end:
        in_the_end.callback(operator.start)
        in_the_end.callback(forget, replicas.api)
        in_the_end.callback(replicas.stop)
        operator.stop()
        yield replicas


def forget(api: Api) -> None:
    """The next test begins without the Lease of one that was killed."""
    try:
        api.request("DELETE", PATH)
    except RefusedError as error:
        if error.status != NOT_FOUND:
            raise


@dataclass(frozen=True)
class Writes:
    """What operators have written since a place of the audit log, in the order of their answers."""

    audit: AuditLog
    place: Place

    def of(self, agent: str) -> list[Request]:
        return [r for r in self.all() if r.agent == agent and r.resource != RESOURCE]

    def of_the_lease(self) -> list[Request]:
        return [r for r in self.all() if r.resource == RESOURCE]

    def all(self) -> list[Request]:
        return [r for r in self.audit.since(self.place) if r.is_write]


def accepted_too_late(old: list[Request], new: list[Request]) -> list[Request]:
    """Writes of the old leader to an object that came after the new one's first one to it."""
    first: dict[tuple[str, str, str], str] = {}
    for write in new:
        if write.is_accepted and write.name:
            first.setdefault(whose(write), write.answered)
    return [
        write
        for write in old
        if write.is_accepted and whose(write) in first and write.received > first[whose(write)]
    ]


def whose(write: Request) -> tuple[str, str, str]:
    group, resource = write.resource.split("/")[:2]
    return f"{group}/{resource}", write.namespace, write.name
