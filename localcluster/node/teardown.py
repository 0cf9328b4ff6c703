"""Taking the node away: all that it started, mounted and changed."""

import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from localcluster import mounts, processes, shell
from localcluster.network import interfaces
from localcluster.node import cgroups, host, policies, runtime
from localcluster.node.config import BRIDGE, NFT_TABLE, RUN, Folders
from localcluster.paths import node_state
from localcluster.processes import ProcessFolder, ProcessRecord

KUBE_PROXY_TABLES = (("ip", "kube-proxy"), ("ip6", "kube-proxy"))
CNI_RESULTS = Path("/var/lib/cni/results")
CONTAINER_LINKS = Path("/var/log/containers")


def remove() -> None:
    """Works on what is there, so that it also clears a half-started or crashed node."""
    running = ProcessFolder(node_state())
    running.stop(["kubelet", "kube-proxy", "kube-controller-manager", "kube-scheduler"])
    if runtime.answers():
        runtime.remove_containers()
    running.stop(grace_seconds=1.0)  # etcd is thrown away with it
    _stop_shims()
    policies.stop()
    mounts.undo((node_state(), RUN))
    _remove_network()
    _restore_host()
    shutil.rmtree(RUN, ignore_errors=True)
    shutil.rmtree(node_state(), ignore_errors=True)


def _stop_shims() -> None:
    """The shims, and through them the containers, of a containerd that was killed."""
    socket = str(Folders(node_state()).socket)
    shims = [pid for pid, argv in _command_lines() if is_shim_of(argv, socket)]
    family = [*shims, *(pid for shim in shims for pid in _children(shim))]
    records = []
    for pid in family:
        with suppress(ProcessLookupError):  # ended meanwhile, as its container did
            records.append(ProcessRecord.of("shim", pid))
    processes.stop(records, grace_seconds=0.0)


def is_shim_of(argv: list[str], socket: str) -> bool:
    return "containerd-shim" in Path(argv[0]).name and socket in argv


def _command_lines() -> Iterator[tuple[int, list[str]]]:
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            argv = file.read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue  # ended meanwhile
        yield int(file.parent.name), argv


def _children(pid: int) -> list[int]:
    found: list[int] = []
    with suppress(OSError):  # ended meanwhile
        for file in Path(f"/proc/{pid}/task").glob("*/children"):
            found.extend(map(int, file.read_text().split()))
    return found


def _remove_network() -> None:
    for port in Path(f"/sys/class/net/{BRIDGE}/brif").glob("*"):
        shell.succeeds(("ip", "link", "delete", port.name))
    if BRIDGE in interfaces():
        shell.run(("ip", "link", "delete", BRIDGE))
    for family, table in (("ip", NFT_TABLE), *KUBE_PROXY_TABLES):
        shell.succeeds(("nft", "delete", "table", family, table))


def _restore_host() -> None:
    for link in CONTAINER_LINKS.glob("*.log"):
        if link.is_symlink() and link.readlink().is_relative_to(node_state()):
            link.unlink()
    for result in CNI_RESULTS.glob(f"{NFT_TABLE}-*"):
        result.unlink()
    before = host.load()
    if before is None:
        return
    host.restore_sysctls(before)
    for path in before.absent_paths:
        shutil.rmtree(path, ignore_errors=True)
    for group in cgroups.pod_groups():
        if str(group) not in before.cgroups:
            cgroups.remove(group)
