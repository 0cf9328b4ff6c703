"""What a cluster could leave behind on a machine: seen before and after, nothing may be new."""

import json
import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path

from localcluster.controlplane import SHARED_MEMORY
from localcluster.network import NAMESPACES
from localcluster.node.cgroups import PODS, pod_groups
from localcluster.node.config import RUN
from localcluster.node.host import HOST_PATHS, KUBELET_SYSCTLS, PROC, SYSCTLS
from localcluster.paths import cache_home, control_planes_state, node_state
from localcluster.shell import run


@dataclass(frozen=True)
class Snapshot:
    processes: frozenset[str]
    mounts: frozenset[str]
    interfaces: frozenset[str]
    routes: frozenset[str]
    namespaces: frozenset[str]
    nftables: frozenset[str]
    ipsets: frozenset[str]
    cgroups: frozenset[str]
    sysctls: frozenset[str]
    paths: frozenset[str]


def snapshot() -> Snapshot:
    return Snapshot(
        processes=frozenset(_processes()),
        mounts=frozenset(
            line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()
        ),
        interfaces=frozenset(_ip("link", "show")),
        routes=frozenset(_ip("route", "show", "table", "all")),
        namespaces=frozenset(_ip("netns", "list")),
        nftables=frozenset(_tables()),
        ipsets=frozenset(_ipsets()),
        cgroups=frozenset(str(group) for group in pod_groups() if group.exists()),
        sysctls=frozenset(_sysctls()),
        paths=frozenset(_paths()),
    )


def new_since(before: Snapshot, after: Snapshot) -> list[str]:
    """Everything that was not there before, a line each."""
    return [
        f"{field.name}: {item}"
        for field in fields(Snapshot)
        for item in sorted(getattr(after, field.name) - getattr(before, field.name))
    ]


def _processes() -> Iterable[str]:
    """Processes that run the cluster's programs or sit in its folders or control groups."""
    marks = (str(cache_home() / "bin"), str(node_state()), str(control_planes_state()), str(RUN))
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes().decode(errors="replace")
            groups = (folder / "cgroup").read_text()
        except OSError:
            continue  # ended meanwhile
        if folder.name != str(os.getpid()) and (
            any(mark in command for mark in marks) or f"/{PODS}/" in groups
        ):
            yield f"{folder.name} {command[:100].replace(chr(0), ' ')}"


def _ip(*arguments: str) -> Iterable[str]:
    entries = json.loads(run(("ip", "-json", *arguments)) or "[]")
    for entry in entries:
        # An address's life time and a link's state change by themselves.
        keys = ("ifname", "name", "dst", "dev", "type", "table")
        yield " ".join(str(entry[key]) for key in keys if key in entry)


def _tables() -> Iterable[str]:
    if shutil.which("nft") is None:
        return []
    return run(("nft", "list", "tables")).splitlines()


def _ipsets() -> Iterable[str]:
    if shutil.which("ipset") is None:
        return []
    return run(("ipset", "list", "-name")).splitlines()


def _sysctls() -> Iterable[str]:
    for name in (*SYSCTLS, *KUBELET_SYSCTLS):
        file = PROC / name
        if file.exists():
            yield f"{name}={file.read_text().strip()}"


def _paths() -> Iterable[str]:
    for path in (RUN, node_state(), NAMESPACES, *map(Path, HOST_PATHS)):
        if path.exists():
            yield str(path)
    yield from map(str, SHARED_MEMORY.glob("headlesscms-*"))
