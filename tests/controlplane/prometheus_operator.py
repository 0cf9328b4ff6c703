"""The Prometheus Operator's kinds."""

import json
from collections.abc import Iterator
from pathlib import Path

from localcluster import golang
from localcluster.controlplane import ControlPlane
from localcluster.progress import Progress
from localcluster.shell import run

MODULE = Path(__file__).parent / "prometheusoperator"
NAME = "github.com/prometheus-operator/prometheus-operator"
FOLDER = "example/prometheus-operator-crd"
GROUP = "monitoring.coreos.com"
KINDS = ("podmonitors", "prometheusrules", "servicemonitors")


def crds() -> Iterator[Path]:
    """The CRDs in its pinned Go module, checked against go.sum."""
    go = str(golang.toolchain(Progress(), MODULE))
    found = run((go, "-C", str(MODULE), "mod", "download", "-json", NAME))
    for kind in KINDS:
        yield Path(json.loads(found)["Dir"]) / FOLDER / f"{GROUP}_{kind}.yaml"


def install(control_plane: ControlPlane) -> None:
    for path in crds():
        control_plane.kubectl("apply", "--server-side", "-f", str(path))
    for kind in KINDS:
        control_plane.wait_for_crd(f"{kind}.{GROUP}")
