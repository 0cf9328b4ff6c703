"""Getting a cluster and giving it back, whichever kind it is."""

import os
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor

from localcluster import (
    baseimage,
    binaries,
    buildah,
    choice,
    controlplane,
    current,
    debian,
    engine,
    existing,
    kind,
    lock,
    privilege,
)
from localcluster.choice import Offer
from localcluster.cluster import Cluster
from localcluster.node import record, start, teardown
from localcluster.paths import node_state, state_home
from localcluster.progress import Progress
from localcluster.shell import extend_path

LOCK = "cluster"


def wanted() -> str:
    return os.environ.get("CLUSTER", "") or "auto"


def offer() -> Offer:
    extend_path()
    return Offer(
        engine=engine.found(),
        linux=sys.platform == "linux",
        root=privilege.is_root(),
        apt=shutil.which("apt-get") is not None,
    )


def found() -> Cluster | None:
    """The cluster that an earlier `up` gave, if it still answers."""
    extend_path()
    return current.running()


def up(progress: Progress) -> Cluster:
    """The running cluster, or a new one; raises ClusterError where none can be had."""
    extend_path()
    with lock.held(LOCK, progress):
        if (cluster := _fitting()) is not None:
            return cluster
        cluster = _make(choice.choose(wanted(), offer()), progress)
        current.save(cluster)
    return cluster


def _fitting() -> Cluster | None:
    cluster = current.running()
    if cluster is None or cluster.provider == existing.PROVIDER:
        return None  # the user may have named another context by now
    return cluster if wanted() in ("auto", cluster.provider) else None


def _make(provider: str, progress: Progress) -> Cluster:
    if provider == existing.PROVIDER:
        return existing.up(os.environ.get("KUBECONTEXT", ""), progress)
    if provider == kind.PROVIDER:
        return kind.up(progress)
    return _make_node(progress)


def _make_node(progress: Progress) -> Cluster:
    """The base image is made while Go compiles; nearly all of the first time goes there."""
    debian.ensure(debian.NODE | debian.IMAGES, progress)
    building = not binaries.all_built(binaries.NODE)
    with ThreadPoolExecutor(max_workers=1) as pool:
        base = pool.submit(_make_base, progress) if building else None
        programs = binaries.ensure(binaries.NODE, progress)
        if node_state().exists():
            teardown.remove()
        cluster = start.start(programs, progress)
        if base is not None and (error := base.exception()) is not None:
            # The cluster is good without it, and building the images will try again.
            progress.say(f"no base image yet: {error}")
    return cluster


def _make_base(progress: Progress) -> None:
    with lock.held(buildah.LOCK, progress):
        try:
            baseimage.ensure(progress)
        finally:
            buildah.release()


def down(progress: Progress) -> None:
    """Takes away all that `up` made; a cluster of the user's stays as it is."""
    extend_path()
    with lock.held(LOCK, progress):
        cluster = current.load()
        if node_state().exists():
            with progress.step(f"removing the {record.PROVIDER}"):
                teardown.remove()
        if kind.is_made() or (cluster is not None and cluster.provider == kind.PROVIDER):
            kind.down(progress)
        for provider in (existing.PROVIDER, kind.PROVIDER):
            shutil.rmtree(state_home() / provider, ignore_errors=True)
        current.forget()
    with lock.held(buildah.LOCK, progress):
        buildah.release()
    with lock.held(controlplane.LOCK, progress):
        controlplane.remove_abandoned()
    for folder in controlplane.folders():
        progress.say(f"control plane {folder.name} belongs to a running test and stays")
