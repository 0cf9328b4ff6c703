"""The time from apply to Ready for 1 and for 50 HeadlessCMS objects on fake nodes; an idle minute.

    python -m benchmarks.bringup

The peer is a bare client that applies the same children in the same run: what no operator can
do without. Figures are for comparing on one machine; nothing passes or fails here.
"""

import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.usage import cpu_seconds, peak_mebibytes
from localcluster import controlplane
from localcluster.controlplane import ControlPlane
from tests.controlplane.api import APPLY, KINDS, Api, Object
from tests.controlplane.audit import OPERATOR, AuditLog, Place, Request
from tests.controlplane.kwok_stages import STAGES
from tests.controlplane.operator_process import OperatorProcess, install
from tests.controlplane.team import Team, eventually

SIZES = (1, 50)
IDLE_SECONDS = 60
QUIET_SECONDS = 5
PATIENCE = 600
AT_ONCE = 16
PEER = "bare"
ADMIN = "admin"
# What the peer makes: all that the operator makes, but for what only a live owner can name.
COPIED = (
    "serviceaccount",
    "secret",
    "configmap",
    "controllerrevision",
    "deployment",
    "poddisruptionbudget",
    "service",
    "networkpolicy",
)


@dataclass(frozen=True)
class Figures:
    """`seconds` from the first apply until the last is Ready; requests of one or of all users."""

    what: str
    seconds: float
    requests: int
    writes: int
    everybody: int


def main() -> None:
    folder = Path(tempfile.mkdtemp(prefix="hcms-bench-"))
    with controlplane.start("bench", stages=STAGES) as control_plane:
        install(control_plane)
        operator = OperatorProcess(control_plane, folder / "operator.log")
        operator.start()
        try:
            measure(control_plane, operator)
        finally:
            operator.stop()


def measure(control_plane: ControlPlane, operator: OperatorProcess) -> None:
    bench = Bench(control_plane)
    bench.settle()
    figures = []
    for count in SIZES:
        team = bench.team(f"size-{count}")
        figures.append(bench.operator_makes(team, count))
        figures.append(bench.peer_makes(team, count))
    idle = bench.idle()
    lines = [*table(figures), *summary(figures, idle), *usage(operator.pid)]
    sys.stdout.write("\n".join(lines) + "\n")


class Bench:
    def __init__(self, control_plane: ControlPlane) -> None:
        self._control_plane = control_plane
        self._api = Api(control_plane.kubeconfig)
        self._audit = AuditLog(control_plane.audit_log)

    def settle(self) -> None:
        eventually(self._is_quiet, "the operator has started", PATIENCE)

    def team(self, name: str) -> Team:
        team = Team(self._control_plane, self._api, name)
        team.create()
        return team

    def operator_makes(self, team: Team, count: int) -> Figures:
        names = [f"cms-{number}" for number in range(count)]

        def all_ready() -> bool:
            return sum(is_ready(found) for found in team.all("headlesscms")) == count

        with self._measured(f"operator, {count}", OPERATOR) as result:
            with ThreadPoolExecutor(AT_ONCE) as pool:
                list(pool.map(team.make, names))
            eventually(all_ready, "all are Ready", PATIENCE)
        return result()

    def peer_makes(self, made: Team, count: int) -> Figures:
        """The same children in another namespace, without owners and without waiting in between."""
        manifests = [
            (kind, bare(kind, found))
            for kind in COPIED
            for found in made.all(kind)
            if "ownerReferences" in found["metadata"]
        ]
        team = self.team(f"{made.namespace}-{PEER}")

        def apply(item: tuple[str, Object]) -> None:
            kind, manifest = item
            path = KINDS[kind].path(team.namespace, manifest["metadata"]["name"])
            self._api.request("PATCH", f"{path}?fieldManager={PEER}", manifest, APPLY)

        def all_available() -> bool:
            return sum(is_available(found) for found in team.all("deployment")) == count

        with self._measured(f"bare client, {count}", ADMIN) as result:
            with ThreadPoolExecutor(AT_ONCE) as pool:
                list(pool.map(apply, manifests))
            eventually(all_available, "all are available", PATIENCE)
        return result()

    def idle(self) -> list[Request]:
        eventually(self._is_quiet, "the operator is done", PATIENCE)
        place = self._audit.now()
        time.sleep(IDLE_SECONDS)
        return self._audit.since(place)

    def _is_quiet(self) -> bool:
        place = self._audit.now()
        time.sleep(QUIET_SECONDS)
        return not self._audit.since(place)

    @contextmanager
    def _measured(self, what: str, user: str) -> Iterator[Callable[[], Figures]]:
        place, started = self._audit.now(), time.monotonic()
        ended = started
        yield lambda: self._figures(what, user, place, ended - started)
        ended = time.monotonic()

    def _figures(self, what: str, user: str, place: Place, seconds: float) -> Figures:
        asked = [request for request in self._audit.since(place, user=None) if not is_ours(request)]
        own = [request for request in asked if request.user == user]
        writes = sum(request.is_write for request in own)
        return Figures(what, seconds, len(own), writes, len(asked))


def is_ours(request: Request) -> bool:
    """What the benchmark itself looks at while it waits."""
    return request.user == ADMIN and not request.is_write


def is_ready(found: Object) -> bool:
    conditions = found.get("status", {}).get("conditions", [])
    return any((c["type"], c["status"]) == ("Ready", "True") for c in conditions)


def is_available(deployment: Object) -> bool:
    wanted = deployment["spec"]["replicas"]
    return bool(deployment.get("status", {}).get("availableReplicas", 0) >= wanted)


def bare(kind: str, found: Object) -> Object:
    """An object as it was asked for, and not what the server has made of it."""
    is_of = {"apiVersion": KINDS[kind].api_version, "kind": KINDS[kind].name}
    metadata = {key: found["metadata"][key] for key in ("name", "labels")}
    rest = {key: value for key, value in found.items() if key not in ("metadata", "status")}
    if kind == "service":
        rest["spec"] = {key: rest["spec"][key] for key in ("selector", "ports", "type")}
        rest["spec"]["ports"] = [
            {key: port[key] for key in ("name", "port", "targetPort")}
            for port in rest["spec"]["ports"]
        ]
    return {**rest, **is_of, "metadata": metadata}


def table(rows: list[Figures]) -> Iterator[str]:
    yield f"{'':18}{'seconds':>9}{'requests':>10}{'writes':>8}{'everybody':>11}"
    for row in rows:
        yield f"{row.what:18}{row.seconds:9.1f}{row.requests:10}{row.writes:8}{row.everybody:11}"


def summary(figures: list[Figures], idle: list[Request]) -> Iterator[str]:
    operator, peer = figures[-2:]
    yield f"{operator.what}: {operator.seconds / peer.seconds:.1f} times as long as the bare client"
    verbs = Counter(request.verb for request in idle)
    asked = ", ".join(f"{count} {verb}" for verb, count in sorted(verbs.items())) or "none"
    yield f"requests in an idle minute with {sum(SIZES)} objects: {asked}"


def usage(pid: int) -> Iterator[str]:
    yield f"memory of the operator: {peak_mebibytes(pid):.0f} MiB resident at most"
    yield f"CPU of the operator since its start: {cpu_seconds(pid):.1f} s"


if __name__ == "__main__":
    main()
