"""Debian packages that a cluster needs; only the missing ones are installed."""

import shutil
from collections.abc import Callable, Collection
from pathlib import Path

from localcluster import lock
from localcluster.errors import ClusterError, NoClusterError
from localcluster.paths import log_file
from localcluster.progress import Progress, Step
from localcluster.shell import run_logged, succeeds

# Program (or file) -> package. A program that is there from elsewhere is good enough.
CONTROL_PLANE = {"ip": "iproute2", "openssl": "openssl"}
NODE = {
    **CONTROL_PLANE,
    "containerd": "containerd",
    "runc": "runc",
    "nft": "nftables",
    "/usr/lib/cni/bridge": "containernetworking-plugins",
}
POLICIES = {"iptables": "iptables", "ipset": "ipset"}
IMAGES = {"buildah": "buildah", "debootstrap": "debootstrap"}
QUIET = {"DEBIAN_FRONTEND": "noninteractive"}


def missing(
    wanted: dict[str, str], present: Callable[[str], str | None] = shutil.which
) -> list[str]:
    return sorted({package for program, package in wanted.items() if present(program) is None})


def ensure(wanted: dict[str, str], progress: Progress) -> None:
    if not missing(wanted):
        return
    with lock.held("debian", progress):
        if packages := missing(wanted):
            install(packages, progress)


def install(packages: Collection[str], progress: Progress) -> None:
    if shutil.which("apt-get") is None:
        raise NoClusterError(
            f"missing, and no apt-get to install it: {', '.join(packages)}",
            cure="install it with your system's package manager, or name a cluster of your own "
            "with CLUSTER=existing",
        )
    with progress.step(f"Debian packages {', '.join(packages)}") as step:
        _install(packages, step)


def _install(packages: Collection[str], step: Step) -> None:
    command = ("apt-get", "install", "-y", "--no-install-recommends", *packages)
    log = log_file("apt-get")
    cure = "see that apt-get works on this machine: network, sources, free disk, no other apt-get"
    try:
        run_logged(command, log, cure=cure, on_line=step.detail, env=QUIET)
    except ClusterError:
        # Package lists are often missing or stale on a fresh machine.
        run_logged(("apt-get", "update"), log, cure=cure, on_line=step.detail)
        run_logged(command, log, cure=cure, on_line=step.detail, env=QUIET)
    if "containerd" in packages and Path("/run/systemd/system").exists():
        # The node runs a containerd of its own; the package's service would only linger.
        succeeds(("systemctl", "disable", "--now", "containerd"))
