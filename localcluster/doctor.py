"""What this machine offers and lacks."""

import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from localcluster import addresses, baseimage, binaries, choice, debian, golang, provision
from localcluster.choice import Offer
from localcluster.errors import ClusterError
from localcluster.paths import cache_home

GIBIBYTE = 2**30
# Measured: the Go caches take 6 GiB, the programs and images 3 GiB.
BUILD_GIBIBYTES = 12
RUN_GIBIBYTES = 3
MEMORY_GIBIBYTES = 4
CORES = 2


@dataclass(frozen=True)
class Facts:
    offer: Offer
    cores: int
    memory: float  # GiB
    free_disk: float  # GiB, where the cache is
    cgroup_version: int | None
    overlay: bool
    bridge_filter: bool
    missing_packages: tuple[str, ...]
    go: str | None
    built: bool
    addresses_free: bool
    debian_mirror: bool


@dataclass(frozen=True)
class Check:
    passed: bool
    text: str


@dataclass(frozen=True)
class Report:
    checks: tuple[Check, ...]
    provider: str | None
    reason: str


def examine() -> Report:
    return judge(_look(), provision.wanted())


def judge(facts: Facts, wanted: str) -> Report:
    try:
        provider, reason = choice.choose(wanted, facts.offer), ""
    except ClusterError as error:
        provider, reason = None, str(error)
    return Report(tuple(_checks(facts)), provider, reason)


def lines(report: Report) -> Iterator[str]:
    for check in report.checks:
        yield f"{'ok      ' if check.passed else 'lacking '} {check.text}"
    yield f"cluster   {report.provider}" if report.provider else f"cluster   none: {report.reason}"


def _checks(facts: Facts) -> Iterator[Check]:
    yield Check(facts.offer.engine is not None, f"container engine: {facts.offer.engine or 'none'}")
    lacking = choice.node_lacks(facts.offer)
    yield Check(not lacking, f"node of its own: needs {', '.join(lacking) or 'nothing more'}")
    yield Check(facts.cores >= CORES, f"cores: {facts.cores} ({CORES} wanted)")
    yield Check(
        facts.memory >= MEMORY_GIBIBYTES,
        f"memory: {facts.memory:.0f} GiB ({MEMORY_GIBIBYTES} wanted)",
    )
    disk = RUN_GIBIBYTES if facts.built else BUILD_GIBIBYTES
    yield Check(facts.free_disk >= disk, f"free disk: {facts.free_disk:.0f} GiB ({disk} wanted)")
    yield from _kernel_checks(facts)
    packages = ", ".join(facts.missing_packages)
    yield Check(not packages, f"Debian packages: {packages or 'all there'}")
    yield Check(facts.debian_mirror, "apt-get: a Debian mirror, to build images from")
    yield Check(facts.go is not None, f"Go: {facts.go or 'none new enough; PyPI has it'}")
    yield Check(facts.built, f"programs: {'built' if facts.built else 'to be built (9 minutes)'}")


def _kernel_checks(facts: Facts) -> Iterator[Check]:
    version = facts.cgroup_version
    yield Check(version is not None, f"cgroups: {f'version {version}' if version else 'none'}")
    yield Check(facts.overlay, "kernel: overlay file system")
    yield Check(facts.bridge_filter, "kernel: bridge netfilter")
    yield Check(facts.addresses_free, "addresses: a private range that no route uses")


def _look() -> Facts:
    offer = provision.offer()
    go = golang.found() if shutil.which("go") or offer.linux else None
    return Facts(
        offer=offer,
        cores=os.cpu_count() or 1,
        memory=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / GIBIBYTE,
        free_disk=_free_disk(),
        cgroup_version=_cgroup_version(),
        overlay=_has_overlay(),
        bridge_filter=Path("/proc/sys/net/bridge").exists() or shutil.which("modprobe") is not None,
        missing_packages=tuple(debian.missing(debian.NODE | debian.IMAGES)),
        go=".".join(map(str, golang.version(go))) if go else None,
        built=binaries.all_built(binaries.NODE),
        addresses_free=_addresses_free(),
        debian_mirror=_has_debian_mirror(),
    )


def _free_disk() -> float:
    folder = cache_home()
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free / GIBIBYTE


def _cgroup_version() -> int | None:
    root = Path("/sys/fs/cgroup")
    if (root / "cgroup.controllers").exists():
        return 2
    return 1 if (root / "memory").is_dir() else None


def _has_overlay() -> bool:
    known = Path("/proc/filesystems")
    return sys.platform == "linux" and known.exists() and "overlay" in known.read_text()


def _has_debian_mirror() -> bool:
    try:
        baseimage.mirror(baseimage.package_targets())
    except ClusterError:
        return False
    return True


def _addresses_free() -> bool:
    try:
        addresses.block(addresses.NODE_BLOCK)
    except (ClusterError, OSError):
        return False
    return True
