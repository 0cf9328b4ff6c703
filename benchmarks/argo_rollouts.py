"""Argo Rollouts as the peer: built from its Go module and run beside a control plane."""

import json
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


def start(control_plane: ControlPlane, controller: Path) -> ProcessRecord:
    """Runs it with its own service account, and without a leader election."""
    flags = {"kubeconfig": _kubeconfig(control_plane), "leader-elect": "false", **LIMITS}
    argv = [str(controller), *(f"--{name}={value}" for name, value in flags.items())]
    return control_plane.spawn("argo-rollouts", argv)


def _kubeconfig(control_plane: ControlPlane) -> str:
    token = control_plane.kubectl("create", "token", "argo-rollouts", "-n", NAMESPACE).strip()
    config = json.loads(control_plane.kubeconfig.read_text())
    config["users"][0]["user"] = {"token": token}
    path = control_plane.folder / "argo-rollouts.kubeconfig"
    return str(paths.write_private(path, json.dumps(config)))
