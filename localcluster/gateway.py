"""A real gateway, for those who ask for one: Envoy Gateway by its own chart, and Envoy."""

import json
from pathlib import Path
from typing import Any

from localcluster import addons, images, program
from localcluster.cluster import Cluster
from localcluster.images import Source
from localcluster.paths import MANIFESTS, PACKAGE
from localcluster.program import Program
from localcluster.progress import Progress
from localcluster.shell import run

MODULE = "github.com/envoyproxy/gateway"
CONTROLLER = Program("envoy-gateway", PACKAGE / "envoygateway", f"{MODULE}/cmd/envoy-gateway")
KINDS = (".gateway.networking.k8s.io", ".gateway.networking.x-k8s.io", ".gateway.envoyproxy.io")
# A release makes the chart's values.yaml of it.
DEFAULTS = "values.tmpl.yaml"
MANIFEST = MANIFESTS / "gateway.yaml"
TIMEOUT = "--timeout=4m"
RELEASE = "envoy-gateway"
NAMESPACE = "envoy-gateway-system"
NAME = "public"
# Envoy's Service, and so a host name at which every pod of the cluster finds it.
HOST = f"{NAME}.{NAMESPACE}.svc"


def install(cluster: Cluster, progress: Progress) -> None:
    """A Gateway of the name NAME that carries the routes of all namespaces."""
    built = program.ensure(CONTROLLER, progress)
    loaded = images.build_and_load(cluster, progress, sources(built.parent))
    chart = _chart(progress)
    values = json.dumps(_values(controller=loaded["gateway"], proxy=loaded["envoy"]))
    options = ("--create-namespace", "--wait", "--timeout", "4m")
    files = ("--values", str(chart / DEFAULTS), "--values", "-")
    with progress.step("Envoy Gateway"):
        run(_helm(cluster, "upgrade", "--install", RELEASE, str(chart), *options, *files), values)
        addons.apply(cluster.binaries, cluster.kubeconfig, MANIFEST.read_text())
        run(_kubectl(cluster, "wait", f"gateway/{NAME}", "--for=condition=Programmed", TIMEOUT))


def remove(cluster: Cluster, progress: Progress) -> None:
    """Remove the gateway, and its kinds, with which every route goes."""
    delete = ("delete", "--ignore-not-found", TIMEOUT)
    with progress.step("removing Envoy Gateway"):
        # First: its controller holds the class by a finalizer.
        run(_kubectl(cluster, *delete, "--filename", str(MANIFEST)))
        run(_helm(cluster, "uninstall", RELEASE, "--ignore-not-found", "--wait"))
        run(_kubectl(cluster, *delete, "namespace", NAMESPACE))
        kinds = run(_kubectl(cluster, "get", "crds", "--output", "name")).split()
        run(_kubectl(cluster, *delete, *(kind for kind in kinds if kind.endswith(KINDS))))


def sources(built: Path) -> list[Source]:
    """Envoy's image, and the one of the controller that is in the folder `built`."""
    folders = PACKAGE / "images"
    return [
        Source("envoy", folders / "envoy" / "Dockerfile", folders / "envoy"),
        Source("gateway", folders / "gateway" / "Dockerfile", built),
    ]


def _chart(progress: Progress) -> Path:
    return program.module_folder(CONTROLLER, MODULE, progress) / "charts" / "gateway-helm"


def _values(controller: str, proxy: str) -> dict[str, Any]:
    small = {"requests": {"cpu": "50m", "memory": "128Mi"}}
    envoy = {
        "envoyDeployment": {"container": {"resources": small}},
        "envoyService": {"name": NAME, "type": "ClusterIP"},
    }
    manager = {"shutdownManager": {"image": controller}}
    return {
        "global": {
            "images": {
                "envoyGateway": {"image": controller, "pullPolicy": "IfNotPresent"},
                "envoyProxy": {"image": proxy},
            }
        },
        "crds": {"gatewayAPI": {"safeUpgradePolicy": {"enabled": False}}},
        "topologyInjector": {"enabled": False},
        "deployment": {"envoyGateway": {"resources": small}},
        "config": {
            "envoyGateway": {
                "provider": {"type": "Kubernetes", "kubernetes": manager},
                "envoyProxy": {
                    "provider": {"type": "Kubernetes", "kubernetes": envoy},
                    # So that its namespace goes at once: a minute otherwise.
                    "shutdown": {"drainTimeout": "1s", "minDrainDuration": "1s"},
                },
            }
        },
    }


def _helm(cluster: Cluster, *arguments: str) -> tuple[str, ...]:
    return _on(cluster, "helm", *arguments)


def _kubectl(cluster: Cluster, *arguments: str) -> tuple[str, ...]:
    return _on(cluster, "kubectl", *arguments)


def _on(cluster: Cluster, client: str, *arguments: str) -> tuple[str, ...]:
    where = ("--kubeconfig", str(cluster.kubeconfig), "--namespace", NAMESPACE)
    return (str(cluster.binaries / client), *where, *arguments)
