"""Argo Rollouts as the peer: built from its Go module and run beside a control plane."""

import json
import urllib.request
from pathlib import Path

from localcluster import paths, program
from localcluster.controlplane import ControlPlane
from localcluster.processes import ProcessRecord
from localcluster.program import Program
from localcluster.progress import Progress

MODULE = "github.com/argoproj/argo-rollouts"
CONTROLLER = Program(
    "argo-rollouts", Path(__file__).parent / "argo", f"{MODULE}/cmd/rollouts-controller"
)
NAMESPACE = "argo-rollouts"
USER = f"system:serviceaccount:{NAMESPACE}:argo-rollouts"
# What its own install.yaml is made of, but for the Deployment: the process runs beside the cluster.
MANIFESTS = (
    "crds/*-crd.yaml",
    "base/argo-rollouts-config.yaml",
    "base/argo-rollouts-notification-secret.yaml",
    "base/argo-rollouts-sa.yaml",
    "role/argo-rollouts-clusterrole.yaml",
    "cluster-install/argo-rollouts-clusterrolebinding.yaml",
)
NAME = "argo-rollouts"
METRICS_PORT = 8090
QUEUE = "Rollouts"
# Far above what is reached, so that the client's own brake is not what one measures.
LIMITS = {"qps": "500", "burst": "1000"}


def install(control_plane: ControlPlane, progress: Progress) -> None:
    """Its CRDs and rights, as its module has them."""
    manifests = program.module_folder(CONTROLLER, MODULE, progress) / "manifests"
    files = [str(path) for pattern in MANIFESTS for path in sorted(manifests.glob(pattern))]
    control_plane.kubectl("create", "namespace", NAMESPACE)
    named = [argument for file in files for argument in ("-f", file)]
    control_plane.kubectl("apply", "--server-side", "-n", NAMESPACE, *named)
    control_plane.wait_for_crd("rollouts.argoproj.io")


def start(control_plane: ControlPlane, controller: Path, **more: str) -> ProcessRecord:
    """Runs it with its own service account, and without a leader election; `more` are flags."""
    flags = {"kubeconfig": _kubeconfig(control_plane), "leader-elect": "false", **LIMITS, **more}
    argv = [
        str(controller),
        *(f"--{name.replace('_', '-')}={value}" for name, value in flags.items()),
    ]
    return control_plane.spawn(NAME, argv)


def metrics(control_plane: ControlPlane) -> str:
    """What it tells of its queues; that of a thousand Rollouts would take long to read.

    Empty while it starts.
    """
    url = f"http://{control_plane.block.namespace_end}:{METRICS_PORT}/metrics"
    try:
        with urllib.request.urlopen(url, timeout=30) as answer:
            text: str = answer.read().decode()
    except OSError:
        return ""
    return "".join(f"{line}\n" for line in text.splitlines() if "workqueue_" in line)


def _kubeconfig(control_plane: ControlPlane) -> str:
    token = control_plane.kubectl("create", "token", "argo-rollouts", "-n", NAMESPACE).strip()
    config = json.loads(control_plane.kubeconfig.read_text())
    config["users"][0]["user"] = {"token": token}
    path = control_plane.folder / "argo-rollouts.kubeconfig"
    return str(paths.write_private(path, json.dumps(config)))
