"""Removes what the demo made; the cluster stays."""

import localcluster
from demo.installation import DATASTORES_RELEASE, Installation
from demo.stage import NAME, NAMESPACE
from demo.tools import Helm, Kubectl
from localcluster.progress import Progress


def run() -> None:
    progress = Progress()
    cluster = localcluster.found()
    if cluster is None:
        progress.say("no cluster runs, so nothing of the demo does")
        return
    kubectl = Kubectl(cluster.binaries / "kubectl", cluster.kubeconfig)
    installation = Installation(kubectl, Helm(cluster.binaries / "helm", cluster.kubeconfig))
    with progress.step("HeadlessCMS and datastores"):
        if kubectl("get", "namespace", NAMESPACE, "--ignore-not-found", "-o", "name"):
            _remove_headless_cms(kubectl)
            installation.helm.uninstall(DATASTORES_RELEASE, NAMESPACE)
            installation.remove_namespace(NAMESPACE)
    with progress.step("operator"):
        installation.remove_operator()


def _remove_headless_cms(kubectl: Kubectl) -> None:
    if kubectl("get", "crd", "headlesscmses.headlesscms.io", "--ignore-not-found", "-o", "name"):
        kubectl("delete", "headlesscms", NAME, "-n", NAMESPACE, "--ignore-not-found")
