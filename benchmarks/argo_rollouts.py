"""Argo Rollouts as the peer: built from its Go module and run beside a control plane."""

import json
from pathlib import Path

from localcluster import golang, kubeconfig, lock
from localcluster.binaries import sources_key
from localcluster.controlplane import ControlPlane
from localcluster.paths import cache_home, log_file
from localcluster.processes import ProcessRecord
from localcluster.progress import Progress
from localcluster.shell import run, run_logged

MODULE = Path(__file__).parent / "argo"
PACKAGE = "github.com/argoproj/argo-rollouts"
PROGRAM = "rollouts-controller"
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


def ensure(progress: Progress) -> Path:
    """The controller's program; builds it where it is not there."""
    with lock.held("argo-rollouts", progress):
        go = golang.toolchain(progress, MODULE)
        version = ".".join(map(str, golang.version(go)))
        sources = [(name, (MODULE / name).read_bytes()) for name in ("go.mod", "go.sum")]
        target = cache_home() / "benchmarks" / sources_key(sources, version)
        if not (target / PROGRAM).exists():
            target.mkdir(parents=True, exist_ok=True)
            with progress.step("building Argo Rollouts"):
                _build(go, target)
    return target / PROGRAM


def _build(go: Path, target: Path) -> None:
    options = ("-trimpath", "-buildvcs=false", "-ldflags", "-s -w")
    unfinished = target / f"{PROGRAM}.unfinished"
    run_logged(
        (str(go), "build", "-C", str(MODULE), *options, "-o", str(unfinished), _main_package()),
        log_file("go-build-argo-rollouts"),
        cure="the log names the package that failed; often the disk is full or memory ran out",
        env={"CGO_ENABLED": "0"},
    )
    unfinished.replace(target / PROGRAM)


def _main_package() -> str:
    return f"{PACKAGE}/cmd/{PROGRAM}"


def install(control_plane: ControlPlane, progress: Progress) -> None:
    """Its CRDs and rights, as its module has them."""
    go = golang.toolchain(progress, MODULE)
    where = (str(go), "list", "-C", str(MODULE), "-m", "-f", "{{.Dir}}", PACKAGE)
    manifests = Path(run(where).strip()) / "manifests"
    files = [str(path) for pattern in MANIFESTS for path in sorted(manifests.glob(pattern))]
    control_plane.kubectl("create", "namespace", NAMESPACE)
    named = [argument for file in files for argument in ("-f", file)]
    control_plane.kubectl("apply", "--server-side", "-n", NAMESPACE, *named)
    control_plane.kubectl(
        "wait", "--for=condition=Established", "crd/rollouts.argoproj.io", "--timeout=30s"
    )


def start(control_plane: ControlPlane, program: Path) -> ProcessRecord:
    """Runs it with its own service account, and without a leader election."""
    flags = {"kubeconfig": _kubeconfig(control_plane), "leader-elect": "false", **LIMITS}
    argv = [str(program), *(f"--{name}={value}" for name, value in flags.items())]
    return control_plane.spawn("argo-rollouts", argv)


def _kubeconfig(control_plane: ControlPlane) -> str:
    token = control_plane.kubectl("create", "token", "argo-rollouts", "-n", NAMESPACE).strip()
    config = json.loads(control_plane.kubeconfig.read_text())
    config["users"][0]["user"] = {"token": token}
    path = control_plane.folder / "argo-rollouts.kubeconfig"
    return str(kubeconfig.write_private(path, json.dumps(config)))
