"""A kind cluster, where a Docker or Podman engine answers."""

import os
from pathlib import Path

from localcluster import addons, binaries, engine, systemimages
from localcluster.cluster import Cluster
from localcluster.errors import ClusterError
from localcluster.paths import REPOSITORY, log_file, private_folder, state_home
from localcluster.pki import Authority
from localcluster.progress import Progress
from localcluster.shell import CURES, run, run_logged

PROVIDER = "kind"
NAME = "headlesscms"
CONFIG = REPOSITORY / "config" / "kind" / "cluster.yaml"
READY = "5m"


def up(progress: Progress) -> Cluster:
    programs = binaries.ensure(binaries.KIND, progress)
    kind = _kind(programs)
    kubeconfig = private_folder(state_home() / PROVIDER) / "kubeconfig"
    if NAME not in run((*kind, "get", "clusters")).split():
        with progress.step("kind cluster") as step:
            create = ("create", "cluster", "--config", str(CONFIG), "--wait", READY)
            run_logged(
                (*kind, *create, "--kubeconfig", str(kubeconfig)),
                log_file("kind"),
                cure=CURES["kind"],
                on_line=step.detail,
            )
        cluster = Cluster(PROVIDER, kubeconfig, programs)
        with progress.step("metrics"):
            _add_metrics(cluster)
    run((*kind, "export", "kubeconfig", "--name", NAME, "--kubeconfig", str(kubeconfig)))
    return Cluster(PROVIDER, kubeconfig, programs)


def down(progress: Progress) -> None:
    """Removes the cluster, if an engine that could hold one answers."""
    programs = binaries.ensure(binaries.KIND, progress)
    with progress.step("removing the kind cluster"):
        run((*_kind(programs), "delete", "cluster", "--name", NAME))


def load_image(cluster: Cluster, archive: Path) -> None:
    run((*_kind(cluster.binaries), "load", "image-archive", str(archive), "--name", NAME))


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
