"""The charts, put into a cluster in which images that were built here are loaded."""

from dataclasses import dataclass
from pathlib import Path

from demo.tools import Helm, Kubectl

CHARTS = Path(__file__).parent.parent / "charts"
OPERATOR_NAMESPACE = "headlesscms-system"
OPERATOR_RELEASE = "headlesscms-operator"
DATASTORES_RELEASE = "demo"
SOURCE_SECRET = f"{DATASTORES_RELEASE}-cms"


@dataclass(frozen=True)
class Installation:
    kubectl: Kubectl
    helm: Helm

    def create_namespace(self, name: str) -> None:
        """A namespace whose admission lets only restricted pods in."""
        labels = {"pod-security.kubernetes.io/enforce": "restricted"}
        self.kubectl.apply(
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}
        )

    def install_operator(self, image: str) -> None:
        self.create_namespace(OPERATOR_NAMESPACE)
        repository, _, tag = image.rpartition(":")
        values = {"image": {"repository": repository, "tag": tag}}
        chart = CHARTS / "headlesscms-operator"
        self.helm.install(OPERATOR_RELEASE, chart, OPERATOR_NAMESPACE, values)

    def install_datastores(self, namespace: str) -> None:
        chart = CHARTS / "headlesscms-demo-datastores"
        # Their images keep the tag of the chart's values: a new one would cost them their data.
        self.helm.install(DATASTORES_RELEASE, chart, namespace, {})

    def is_operator_installed(self) -> bool:
        return self.helm.has(OPERATOR_RELEASE, OPERATOR_NAMESPACE)

    def remove_operator(self) -> None:
        """The CRD stays while anybody has a HeadlessCMS: removing it would remove them too."""
        self.helm.uninstall(OPERATOR_RELEASE, OPERATOR_NAMESPACE)
        crd = "crd/headlesscmses.headlesscms.io"
        exists = self.kubectl("get", crd, "--ignore-not-found", "-o", "name")
        if exists and not self.kubectl("get", "headlesscmses", "-A", "-o", "name"):
            self.kubectl("delete", crd)
        self.remove_namespace(OPERATOR_NAMESPACE)

    def remove_namespace(self, name: str, *, wait: bool = True) -> None:
        self.kubectl(
            "delete", "namespace", name, "--ignore-not-found", f"--wait={str(wait).lower()}",
            "--timeout=180s",
        )  # fmt: skip
