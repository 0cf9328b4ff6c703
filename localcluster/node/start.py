"""A single real Kubernetes node on this machine, from its own programs."""

import socket
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from localcluster import addons, addresses, bootstrap, credentials, network
from localcluster.addresses import Block
from localcluster.api import wait_until
from localcluster.cluster import Cluster
from localcluster.components import API_PORT, LOOPBACK, Layout, Ports
from localcluster.credentials import Credentials
from localcluster.errors import ClusterError
from localcluster.node import cgroups, config, host, policies, ready, record, runtime
from localcluster.node.config import BRIDGE, NODE_NAME, RUN, Folders
from localcluster.node.record import Record
from localcluster.paths import node_state, private_folder
from localcluster.pki import Identity
from localcluster.processes import ProcessFolder
from localcluster.progress import Progress
from localcluster.shell import run

READY_SECONDS = 120.0
KUBE_PROXY = Identity("system:kube-proxy")
KUBELET = Identity(f"system:node:{NODE_NAME}", ("system:nodes",))
# Kubelets' certificates come from the authority that signs for the cluster.
KUBELET_TRUST = (
    "--kubelet-certificate-authority=/var/run/secrets/kubernetes.io/serviceaccount/ca.crt"
)


def start(binaries: Path, progress: Progress) -> Cluster:
    """Starts the node; expects that nothing of an earlier one is left."""
    _require_bridge_free()
    private_folder(RUN)
    state = private_folder(node_state())
    host.save(host.look(cgroups.pod_groups()))
    processes = ProcessFolder(state)
    with progress.step("network and certificates"):
        layout = _lay_out(binaries, state)
        _make_network(layout.block)
    with progress.step("containerd and its system images"):
        runtime.start(Folders(state), layout, processes)
    with progress.step("control plane"):
        api = bootstrap.start_api_server(layout, processes, list)
        bootstrap.start_controllers(layout, processes, list, {})
    admin = layout.credentials.kubeconfig(credentials.ADMIN)
    with progress.step("kubelet and kube-proxy"):
        _start_node(Folders(state), layout, processes)
        addons.apply(binaries, admin, _addons(layout))
        _wait(processes, "the node is ready", lambda: ready.node(api))
    with progress.step("cluster DNS"):
        _wait(processes, "CoreDNS answers", lambda: ready.dns(layout.block))
    with progress.step("metrics"):
        _wait(processes, "metrics are served", lambda: ready.metrics(api))
    made = Record(str(admin), str(binaries), str(layout.block.network))
    record.save(made)
    return made.cluster


def _require_bridge_free() -> None:
    if BRIDGE in network.interfaces():
        raise ClusterError(
            f"the interface {BRIDGE} is there: another node runs here, with its state elsewhere",
            cure="run `python3 -m localcluster down` as the user, and with the XDG_STATE_HOME, "
            "that made it",
        )


def _lay_out(binaries: Path, state: Path) -> Layout:
    block = addresses.block(addresses.NODE_BLOCK)
    issued = credentials.make(private_folder(state / "credentials"), block.bridge, API_PORT, block)
    return Layout(
        binaries=binaries,
        folder=state,
        etcd_data=private_folder(state / "etcd"),
        address=block.bridge,
        block=block,
        ports=Ports(*free_ports(4)),
        credentials=issued,
    )


def _addons(layout: Layout) -> str:
    return "---\n".join(
        (
            addons.kubelet_access(),
            addons.policy_engine_access(),
            addons.dns(layout.binaries, layout.block),
            addons.metrics(layout.binaries, layout.credentials.cluster, KUBELET_TRUST),
        )
    )


def _wait(processes: ProcessFolder, what: str, happened: Callable[[], bool]) -> None:
    wait_until(
        happened,
        what=what,
        seconds=READY_SECONDS,
        check=processes.require_alive,
        log=processes.log("kubelet"),
    )


def _make_network(block: Block) -> None:
    network.make_bridge(BRIDGE, block)
    host.set_sysctls()
    run(("nft", "-f", "-"), config.nft_rules(block.pods))


def free_ports(count: int) -> list[int]:
    """Ports of loopback that nobody listens on, no two the same."""
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind((LOOPBACK, 0))
        return [int(probe.getsockname()[1]) for probe in probes]


def _start_node(folders: Folders, layout: Layout, processes: ProcessFolder) -> None:
    kubelet, proxy, _ = layout.credentials.kubeconfigs((KUBELET, KUBE_PROXY, policies.IDENTITY))
    settings = folders.state / "kube-proxy.json"
    settings.write_text(config.kube_proxy(layout.block, proxy, *free_ports(2)))
    processes.start("kube-proxy", layout.command("kube-proxy", {"config": str(settings)}))
    settings = folders.state / "kubelet.json"
    settings.write_text(_kubelet_config(folders, layout.block, layout.credentials))
    flags = {
        "config": str(settings),
        "kubeconfig": str(kubelet),
        "root-dir": str(folders.kubelet),
        "hostname-override": NODE_NAME,
        "node-ip": str(layout.block.bridge),
    }
    processes.start("kubelet", layout.command("kubelet", flags))


def _kubelet_config(folders: Folders, block: Block, issued: Credentials) -> str:
    serving = issued.cluster.issue(
        "kubelet-serving",
        Identity(f"system:node:{NODE_NAME}", names=(NODE_NAME,), addresses=(str(block.bridge),)),
    )
    return config.kubelet(folders, block, issued.cluster.certificate, serving, host.resolv_conf())
