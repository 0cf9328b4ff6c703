"""A control plane without a node: real API server and controllers, KWOK's fake nodes.

Each has a network namespace of its own, reached from this host alone, so that several run side by
side and no packet to a fake pod leaves the machine.
"""

import json
import os
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from localcluster import (
    addresses,
    binaries,
    bootstrap,
    credentials,
    debian,
    fakenodes,
    lock,
    network,
    privilege,
)
from localcluster.addresses import Block
from localcluster.api import ApiServer, wait_until
from localcluster.components import API_PORT, Layout, Ports
from localcluster.errors import ClusterError, NoClusterError
from localcluster.paths import control_planes_state, private_folder
from localcluster.pki import Identity
from localcluster.processes import ProcessFolder, ProcessRecord
from localcluster.progress import Progress
from localcluster.shell import extend_path, run

PORTS = Ports(etcd=2379, etcd_peer=2380, controller_manager=10257, scheduler=10259)
SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - a RAM disk; the folder in it is private
ETCD_BYTES = 2**30
# KWOK's nodes send too few heartbeats under load for the default of 40 s.
CONTROLLER_FLAGS = {
    "node-monitor-grace-period": "2h",
    "concurrent-deployment-syncs": "20",
    "concurrent-replicaset-syncs": "20",
    "concurrent-endpoint-syncs": "20",
    "concurrent-service-endpoint-syncs": "20",
    "concurrent-gc-syncs": "40",
}
DEFAULT_NODES = 6
READY_SECONDS = 180.0
LOCK = "controlplanes"


@dataclass(frozen=True)
class ControlPlane:
    name: str
    folder: Path
    binaries: Path
    namespace: str
    block: Block
    kubeconfig: Path
    operator_kubeconfig: Path
    audit_log: Path

    @property
    def logs(self) -> Path:
        return ProcessFolder(self.folder).logs

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        program = str(self.binaries / "kubectl")
        return run((program, "--kubeconfig", str(self.kubeconfig), *arguments), stdin)

    def wait_for_crd(self, name: str) -> None:
        """Return when the API server serves its resource.

        `kubectl wait` fails at once on a CRD so new that its conditions are still null.
        """

        def established() -> bool:
            crd = json.loads(self.kubectl("get", "crd", name, "-o", "json"))
            conditions = crd.get("status", {}).get("conditions") or []
            return ("Established", "True") in [(one["type"], one["status"]) for one in conditions]

        wait_until(established, what=f"crd/{name} is established", seconds=READY_SECONDS)

    def spawn(self, name: str, argv: Sequence[str]) -> ProcessRecord:
        """Starts a process inside the namespace; it ends with the control plane.

        One that listens on 0.0.0.0 answers for every fake pod, and at the address
        block.namespace_end for the aggregation layer.
        """
        return ProcessFolder(self.folder).start(
            name, network.in_namespace(self.namespace, list(argv))
        )

    def stop_process(self, name: str) -> None:
        ProcessFolder(self.folder).stop([name])

    def stop(self) -> None:
        with lock.held(LOCK):  # or one that starts would find a half of it
            remove(self.folder)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


def start(
    name: str,
    *,
    nodes: int = DEFAULT_NODES,
    stages: Sequence[Path] = (),
    crds: Sequence[Path] = (),
    progress: Progress | None = None,
) -> ControlPlane:
    """Starts a control plane; stages are further KWOK stage files.

    A stage with a weight above 0 wins over the given ones, which make every pod ready at once.
    crds are served before the garbage collector first looks which kinds there are: it learns of
    others up to a minute later, and leaves the children of what is deleted as long as that.
    """
    progress = progress or Progress()
    prepare(progress)
    programs = binaries.ensure(binaries.CONTROL_PLANE, progress)
    folder, block = _claim(name)
    try:
        return _start(folder, block, programs, nodes, stages, crds)
    except BaseException:
        _stop_processes_and_network(folder)  # the logs stay for the reader of the error
        raise


def prepare(progress: Progress) -> None:
    """Raises NoClusterError where no control plane can be had."""
    extend_path()
    _require_root()
    debian.ensure(debian.CONTROL_PLANE, progress)


def _require_root() -> None:
    if not privilege.is_root():
        raise NoClusterError(
            f"a control plane of its own needs {privilege.ROOT}", cure="run it with sudo"
        )


def _claim(name: str) -> tuple[Path, Block]:
    """A free block of addresses and the folder that marks it as taken."""
    state = private_folder(control_planes_state())
    with lock.held(LOCK):
        remove_abandoned()
        taken = network.namespaces()  # also those of another user's state folder
        for number in addresses.CONTROL_PLANE_BLOCKS:
            if not list(state.glob(f"{number}-*")) and _namespace(number) not in taken:
                block = addresses.block(number)
                folder = private_folder(state / f"{number}-{name}")
                owner = ProcessRecord.of("owner", os.getpid())
                (folder / "owner.json").write_text(json.dumps(asdict(owner)))
                return folder, block
    raise ClusterError(
        f"{len(addresses.CONTROL_PLANE_BLOCKS)} control planes are running, which is the limit",
        cure="python3 -m localcluster down",
    )


def _etcd_data(folder: Path) -> Path:
    """A folder in memory, where there is room; the link to it tells `remove` what to clear."""
    link = folder / "etcd"
    roomy = SHARED_MEMORY.is_dir() and shutil.disk_usage(SHARED_MEMORY).free > ETCD_BYTES
    if roomy:
        link.symlink_to(tempfile.mkdtemp(prefix="headlesscms-", dir=SHARED_MEMORY))
    return link if roomy else private_folder(link)


def _namespace(number: int) -> str:
    return f"{addresses.INTERFACE_PREFIX}-cp{number}"


def _namespace_of(folder: Path) -> str:
    return _namespace(int(folder.name.partition("-")[0]))


def _start(  # noqa: PLR0913, PLR0917 - one argument a fact
    folder: Path,
    block: Block,
    programs: Path,
    nodes: int,
    stages: Sequence[Path],
    crds: Sequence[Path],
) -> ControlPlane:
    namespace = _namespace_of(folder)
    network.make_namespace(namespace, block)
    address = block.namespace_end
    issued = credentials.make(private_folder(folder / "credentials"), address, API_PORT, block)
    layout = Layout(programs, folder, _etcd_data(folder), address, block, PORTS, issued)
    processes = ProcessFolder(folder)

    def inside(argv: list[str]) -> list[str]:
        return network.in_namespace(namespace, argv)

    admin, operator = issued.kubeconfigs((credentials.ADMIN, credentials.OPERATOR))
    started = ControlPlane(
        name=folder.name.partition("-")[2],
        folder=folder,
        binaries=programs,
        namespace=namespace,
        block=block,
        kubeconfig=admin,
        operator_kubeconfig=operator,
        audit_log=layout.audit_log,
    )
    api = bootstrap.start_api_server(layout, processes, inside)
    for path in crds:
        _serve(started, path)
    bootstrap.start_controllers(layout, processes, inside, CONTROLLER_FLAGS)
    _start_kwok(layout, processes, namespace, stages)
    _create_nodes(api, nodes)
    _wait(api, nodes, processes)
    return started


def _serve(control_plane: ControlPlane, crd: Path) -> None:
    made = control_plane.kubectl("apply", "--server-side", "-o", "name", "-f", str(crd))
    for name in made.split():
        control_plane.wait_for_crd(name.partition("/")[2])


def _start_kwok(
    layout: Layout, processes: ProcessFolder, namespace: str, stages: Sequence[Path]
) -> None:
    flags = {
        "kubeconfig": str(layout.credentials.kubeconfig(Identity(fakenodes.USER))),
        "manage-all-nodes": "true",
        "cidr": f"{layout.block.bridge}/{layout.block.pods.prefixlen}",
        "node-ip": str(layout.address),
        "node-lease-duration-seconds": "600",
    }
    configs = [f"--config={path}" for path in (layout.binaries / binaries.KWOK_STAGES, *stages)]
    command = [*layout.command("kwok", flags), *configs]
    processes.start("kwok", network.in_namespace(namespace, command))


def _create_nodes(api: ApiServer, count: int) -> None:
    rbac = "/apis/rbac.authorization.k8s.io/v1"
    api.create(f"{rbac}/clusterroles", fakenodes.role())
    api.create(f"{rbac}/clusterrolebindings", fakenodes.binding())
    for node in fakenodes.nodes(count):
        api.create("/api/v1/nodes", node)


def _wait(api: ApiServer, nodes: int, processes: ProcessFolder) -> None:
    def ready() -> bool:
        found = (api.get("/api/v1/nodes") or {"items": []})["items"]
        account = api.get("/api/v1/namespaces/default/serviceaccounts/default")
        return account is not None and sum(map(bootstrap.schedulable, found)) == nodes

    wait_until(
        ready,
        what="the fake nodes are ready",
        seconds=READY_SECONDS,
        check=processes.require_alive,
        log=processes.log("kwok"),
    )


def remove(folder: Path) -> None:
    _stop_processes_and_network(folder)
    etcd = folder / "etcd"
    if etcd.is_symlink():
        shutil.rmtree(etcd.readlink(), ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)


def _stop_processes_and_network(folder: Path) -> None:
    ProcessFolder(folder).stop(grace_seconds=0.0)  # nothing in it is worth a clean end
    network.remove_namespace(_namespace_of(folder))


def remove_abandoned() -> None:
    """Clears what killed test runs left behind; those of living owners stay."""
    for folder in folders():
        owner = folder / "owner.json"
        if not owner.exists() or not ProcessRecord(**json.loads(owner.read_text())).alive():
            remove(folder)


def folders() -> list[Path]:
    return sorted(control_planes_state().glob("*-*"))
