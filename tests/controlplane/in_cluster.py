"""An operator as its pod runs it: a ServiceAccount, whose token the kubelet renews in a file."""

import base64
import json
import secrets
from pathlib import Path
from typing import Any

from localcluster.components import API_PORT
from localcluster.controlplane import ControlPlane
from tests.controlplane.api import Api
from tests.controlplane.operator_process import COMMAND, OperatorProcess, chart
from tests.controlplane.team import eventually
from tests.support.charts import Objects, of_kind, the

RBAC = "/apis/rbac.authorization.k8s.io/v1"
REVIEWS = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
# A pod's files, where no other process sees them.
MOUNT = (
    "mount -t tmpfs tmpfs /run && mkdir -p /run/secrets/kubernetes.io/serviceaccount && "
    'mount --bind "$0" /run/secrets/kubernetes.io/serviceaccount && exec "$@"'
)


class Account:
    """A ServiceAccount with the operator's rights, and the folder that its pod gets.

    Its tokens are bound to a Secret: one whose Secret is gone has expired.
    """

    def __init__(self, api: Api, namespace: str, folder: Path, authority: str) -> None:
        self._api = api
        self._path = f"/api/v1/namespaces/{namespace}"
        self.name = f"operator-{secrets.token_hex(3)}"
        self.namespace = namespace
        self.folder = folder
        folder.mkdir()
        (folder / "ca.crt").write_text(authority)
        self._bound_to = ""
        self._missing = "", ""
        metadata = {"metadata": {"name": self.name}}
        api.request("POST", f"{self._path}/serviceaccounts", metadata)
        self.role, self.binding = self._rights(chart().render())
        self.allow()
        self.renew()

    @property
    def user(self) -> str:
        return f"system:serviceaccount:{self.namespace}:{self.name}"

    def _rights(self, objects: Objects) -> tuple[dict[str, Any], dict[str, Any]]:
        """Those that the chart grants, under a name of their own."""
        binding = the(objects, "ClusterRoleBinding")
        (role,) = (
            found
            for found in of_kind(objects, "ClusterRole")
            if found["metadata"]["name"] == binding["roleRef"]["name"]
        )
        me = {"kind": "ServiceAccount", "name": self.name, "namespace": self.namespace}
        named = {"metadata": {"name": self.name}}
        return role | named, binding | named | {
            "subjects": [me],
            "roleRef": binding["roleRef"] | {"name": self.name},
        }

    # Each of these returns when it is in force: the authorizer has rights from a watch of its own.

    def allow(self) -> None:
        self._api.request("POST", f"{RBAC}/clusterroles", self.role)
        self._api.request("POST", f"{RBAC}/clusterrolebindings", self.binding)
        eventually(self._may, "it has its rights")

    def forbid(self) -> None:
        for plural in ("clusterrolebindings", "clusterroles"):
            self._api.request("DELETE", f"{RBAC}/{plural}/{self.name}")
        eventually(lambda: not self._may(), "its rights are gone")

    def forbid_only(self, verb: str, resource: str) -> None:
        """One right less, of the core group."""
        self._missing = verb, resource
        rules = [
            rule
            | {
                "resources": [name],
                "verbs": [word for word in rule["verbs"] if (word, name) != (verb, resource)],
            }
            for rule in self.role["rules"]
            for name in rule["resources"]
        ]
        self._put(self.role | {"rules": rules})
        eventually(lambda: not self._may(*self._missing), "the right is gone")

    def allow_all_again(self) -> None:
        self._put(self.role)
        eventually(lambda: self._may(*self._missing), "the right is there again")

    def _may(self, verb: str = "patch", resource: str = "services") -> bool:
        asked = {"user": self.user, "resourceAttributes": {"verb": verb, "resource": resource}}
        found = self._api.request("POST", REVIEWS, {"spec": asked})
        return bool(found["status"]["allowed"])

    def _put(self, role: dict[str, Any]) -> None:
        self._api.request("PUT", f"{RBAC}/clusterroles/{self.name}", role)

    def expire(self) -> None:
        self._api.request("DELETE", f"{self._path}/secrets/{self._bound_to}")

    def renew(self) -> None:
        self._bound_to = f"{self.name}-{secrets.token_hex(3)}"
        metadata = {"metadata": {"name": self._bound_to}}
        made = self._api.request("POST", f"{self._path}/secrets", metadata)
        bound = {"kind": "Secret", "apiVersion": "v1", "name": self._bound_to}
        bound["uid"] = made["metadata"]["uid"]
        asked = {"spec": {"boundObjectRef": bound, "expirationSeconds": 3600}}
        path = f"{self._path}/serviceaccounts/{self.name}/token"
        token = self._api.request("POST", path, asked)["status"]["token"]
        fresh = self.folder / "fresh"
        fresh.write_text(token)
        fresh.replace(self.folder / "token")


def authority_of(control_plane: ControlPlane) -> str:
    config = json.loads(control_plane.kubeconfig.read_text())
    data = config["clusters"][0]["cluster"]["certificate-authority-data"]
    return base64.b64decode(data).decode()


def process(control_plane: ControlPlane, account: Account, log: Path) -> OperatorProcess:
    return OperatorProcess(
        control_plane,
        log,
        command=("unshare", "--mount", "sh", "-c", MOUNT, str(account.folder), *COMMAND),
        environment={
            "KUBERNETES_SERVICE_HOST": str(control_plane.block.namespace_end),
            "KUBERNETES_SERVICE_PORT": str(API_PORT),
            "HCMS_RESYNC_SECONDS": "10",
        },
    )
