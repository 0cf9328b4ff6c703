"""A kind cluster, where a Docker or Podman engine answers."""

import os
from pathlib import Path

from localcluster import addons, binaries, engine, systemimages
from localcluster.cluster import Cluster
from localcluster.errors import ClusterError
from localcluster.paths import REPOSITORY, log_file, private_folder, state_home, write_private
from localcluster.pki import Authority
from localcluster.progress import Progress
from localcluster.shell import CURES, run, run_logged

PROVIDER = "kind"
NAME = "headlesscms"
CONFIG = REPOSITORY / "config" / "kind" / "cluster.yaml"
READY = "5m"
BEGUN, COMPLETE = "begun", "complete"


def up(progress: Progress) -> Cluster:
    programs = binaries.ensure(binaries.KIND, progress)
    kind = _kind(programs)
    cluster = Cluster(PROVIDER, private_folder(state_home() / PROVIDER) / "kubeconfig", programs)
    listed = NAME in run((*kind, "get", "clusters")).split()
    # It is listed from its first container on, whatever became of the rest.
    broken_off = listed and _made() == BEGUN
    if broken_off:
        _delete(kind, progress)
    if broken_off or not listed:
        _make(kind, cluster, progress)
    run((*kind, "export", "kubeconfig", "--name", NAME, "--kubeconfig", str(cluster.kubeconfig)))
    return cluster


def down(progress: Progress) -> None:
    """Removes the cluster, if an engine that could hold one answers."""
    _delete(_kind(binaries.ensure(binaries.KIND, progress)), progress)


def is_made() -> bool:
    """`up` has made one, or begun to."""
    return _made() is not None


def load_image(cluster: Cluster, archive: Path) -> None:
    run((*_kind(cluster.binaries), "load", "image-archive", str(archive), "--name", NAME))


def _make(kind: tuple[str, ...], cluster: Cluster, progress: Progress) -> None:
    write_private(_marker(), BEGUN)
    with progress.step("kind cluster") as step:
        create = ("create", "cluster", "--config", str(CONFIG), "--wait", READY)
        run_logged(
            (*kind, *create, "--kubeconfig", str(cluster.kubeconfig)),
            log_file("kind"),
            cure=CURES["kind"],
            on_line=step.detail,
        )
    with progress.step("metrics"):
        _add_metrics(cluster)
    write_private(_marker(), COMPLETE)


def _delete(kind: tuple[str, ...], progress: Progress) -> None:
    with progress.step("removing the kind cluster"):
        run((*kind, "delete", "cluster", "--name", NAME))


def _made() -> str | None:
    """How far `up` has come; None for a cluster that it has not made."""
    return _marker().read_text() if _marker().exists() else None


def _marker() -> Path:
    return state_home() / PROVIDER / "made"


def _add_metrics(cluster: Cluster) -> None:
    load_image(cluster, systemimages.archive("metrics-server", cluster.binaries))
    authority = Authority(private_folder(state_home() / PROVIDER), "metrics-ca")
    # kind's kubelets sign their own certificates.
    manifests = addons.metrics(cluster.binaries, authority, "--kubelet-insecure-tls")
    addons.apply(cluster.binaries, cluster.kubeconfig, manifests)


def _kind(programs: Path) -> tuple[str, ...]:
    found = engine.found()
    if found is None:
        raise ClusterError("no Docker or Podman engine answers", cure="start the engine")
    os.environ["KIND_EXPERIMENTAL_PROVIDER"] = found
    return (str(programs / "kind"),)
