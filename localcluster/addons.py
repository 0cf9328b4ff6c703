"""DNS and metrics, as pods of the cluster itself."""

import base64
from pathlib import Path
from string import Template

from localcluster import systemimages
from localcluster.addresses import Block
from localcluster.paths import MANIFESTS
from localcluster.pki import Authority, Identity
from localcluster.shell import run

METRICS_NAME = "metrics-server.kube-system.svc"
CLUSTER_DOMAIN = "cluster.local"


def kubelet_access() -> str:
    return _render("kubelet-access.yaml")


def policy_engine_access() -> str:
    return _render("policy-engine.yaml")


def dns(binaries: Path, block: Block) -> str:
    return _render(
        "coredns.yaml",
        image=systemimages.name("coredns", binaries),
        cluster_domain=CLUSTER_DOMAIN,
        cluster_dns=str(block.cluster_dns),
    )


def metrics(binaries: Path, authority: Authority, kubelet_trust: str) -> str:
    """kubelet_trust is the option that says how kubelets' certificates are verified."""

    def data(path: Path) -> str:
        return base64.b64encode(path.read_bytes()).decode()

    serving = authority.issue("metrics-server", Identity("metrics-server", names=(METRICS_NAME,)))
    return _render(
        "metrics-server.yaml",
        image=systemimages.name("metrics-server", binaries),
        certificate=data(serving.certificate),
        key=data(serving.key),
        authority=data(authority.certificate),
        kubelet_trust=kubelet_trust,
    )


def apply(binaries: Path, kubeconfig: Path, manifests: str) -> None:
    kubectl = (str(binaries / "kubectl"), "--kubeconfig", str(kubeconfig))
    options = ("--server-side", "--field-manager=localcluster")
    run((*kubectl, "apply", *options, "-f", "-"), manifests)


def _render(file: str, **values: str) -> str:
    return Template((MANIFESTS / file).read_text()).substitute(values)
