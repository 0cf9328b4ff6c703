"""What the node changes on its host, written down first so that it can be put back."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from localcluster.paths import node_state
from localcluster.shell import succeeds

# Set by us (the first two) and by the kubelet.
SYSCTLS = {
    "net/ipv4/ip_forward": "1",
    # A reply between two pods must pass the rules that undo the Service's translation.
    "net/bridge/bridge-nf-call-iptables": "1",
}
KUBELET_SYSCTLS = (
    "vm/overcommit_memory",
    "vm/panic_on_oom",
    "kernel/panic",
    "kernel/panic_on_oops",
    "kernel/keys/root_maxkeys",
    "kernel/keys/root_maxbytes",
)
# Fixed in the programs, whatever folders they are given.
HOST_PATHS = (
    "/etc/cni",
    "/opt/cni",
    "/run/containerd",
    "/usr/libexec/kubernetes",
    "/var/lib/cni",
    "/var/lib/kubelet",
    "/var/log/containers",
    "/var/log/pods",
)
PROC = Path("/proc/sys")


@dataclass(frozen=True)
class HostBefore:
    sysctls: dict[str, str]
    absent_paths: list[str]
    cgroups: list[str]


def look(cgroup_roots: Iterable[Path]) -> HostBefore:
    names = (*SYSCTLS, *KUBELET_SYSCTLS)
    return HostBefore(
        sysctls={n: (PROC / n).read_text().strip() for n in names if (PROC / n).exists()},
        absent_paths=[path for path in HOST_PATHS if not Path(path).exists()],
        cgroups=[str(path) for path in cgroup_roots if path.exists()],
    )


def save(before: HostBefore) -> None:
    _file().write_text(json.dumps(vars(before), indent=2))


def load() -> HostBefore | None:
    return HostBefore(**json.loads(_file().read_text())) if _file().exists() else None


def _file() -> Path:
    return node_state() / "host-before.json"


def set_sysctls() -> None:
    if not (PROC / "net/bridge").exists():
        succeeds(("modprobe", "br_netfilter"))
    for name, value in SYSCTLS.items():
        if (PROC / name).exists():
            (PROC / name).write_text(value)


def restore_sysctls(before: HostBefore) -> None:
    for name, value in before.sysctls.items():
        if (PROC / name).exists():
            (PROC / name).write_text(value)


def resolv_conf() -> Path:
    """The file with name servers that pods can reach: not systemd's stub on loopback."""
    real = Path("/run/systemd/resolve/resolv.conf")
    usual = Path("/etc/resolv.conf")
    return real if real.exists() and "127.0.0." in usual.read_text() else usual
