"""One HeadlessCMS in a cluster: what it is, what it has, and who owns its tenants."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from demo.editor import Credentials
from demo.tools import Kubectl

REVISION = "headlesscms.io/revision"


@dataclass(frozen=True)
class HeadlessCms:
    kubectl: Kubectl
    namespace: str
    name: str

    @property
    def service_url(self) -> str:
        return f"http://{self.name}.{self.namespace}.svc"

    @property
    def selector(self) -> str:
        """Selects every child."""
        return f"app.kubernetes.io/name=headlesscms,app.kubernetes.io/instance={self.name}"

    def found(self) -> dict[str, Any]:
        found = self.kubectl.get("headlesscms", self.name, self.namespace)
        if found is None:
            raise LookupError(f"HeadlessCMS {self.namespace}/{self.name} is not there")
        return found

    def patch(self, spec: Mapping[str, Any]) -> None:
        self.kubectl.patch("headlesscms", self.name, self.namespace, {"spec": spec})

    def ask(self, verb: str, value: str) -> None:
        """Ask as a person does: by an annotation."""
        asked = f"headlesscms.io/{verb}={value}"
        where = ("-n", self.namespace, "--overwrite")
        self.kubectl("annotate", "headlesscms", self.name, *where, asked)

    def stable(self) -> str:
        return str(self.found()["status"]["stableRevision"])

    def rollout(self) -> dict[str, Any]:
        return current_rollout(self.found())

    def condition(self, kind: str) -> dict[str, Any]:
        return current_condition(self.found(), kind)

    def is_ready(self) -> bool:
        return is_ready(self.found())

    def pods(self) -> list[dict[str, Any]]:
        selector = f"{self.selector},app.kubernetes.io/component=api"
        return self.kubectl.items("pods", self.namespace, selector)

    def serving_pods(self) -> list[str]:
        return sorted(pod["metadata"]["name"] for pod in self.pods() if _serves(pod))

    def deployments(self) -> list[dict[str, Any]]:
        return self.kubectl.items("deployments", self.namespace, self.selector)

    def is_alone(self) -> bool:
        """One revision has pods. Those of another that are ending still answer."""
        revisions = {pod["metadata"]["labels"][REVISION] for pod in self.pods()}
        return len(self.deployments()) == 1 and len(revisions) <= 1

    def owner(self, tenant: str) -> Credentials:
        """The first owner's credentials, as the operator generated them."""
        secret = self.kubectl.get("secret", f"{self.name}-admin", self.namespace)
        if secret is None:
            raise LookupError(f"Secret {self.namespace}/{self.name}-admin is not there")
        values = (secret["data"][f"{tenant}.{key}"] for key in ("email", "password"))
        email, password = (base64.b64decode(value).decode() for value in values)
        return Credentials(tenant, email, password)


def is_ready(found: Mapping[str, Any]) -> bool:
    return current_condition(found, "Ready").get("status") == "True"


def current_rollout(found: Mapping[str, Any]) -> dict[str, Any]:
    """Empty until the one of the present spec begins: till then the status tells of the last."""
    status = found.get("status", {})
    rollout: dict[str, Any] = status.get("rollout", {})
    is_seen = status.get("observedGeneration") == found["metadata"]["generation"]
    return rollout if is_seen and rollout.get("revision") == status.get("updatedRevision") else {}


def current_condition(found: Mapping[str, Any], kind: str) -> dict[str, Any]:
    """Empty where the operator has not yet looked at the present spec."""
    last = condition(found, kind)
    generation = found["metadata"]["generation"]
    return last if last.get("observedGeneration") == generation else {}


def condition(found: Mapping[str, Any], kind: str) -> dict[str, Any]:
    conditions = found.get("status", {}).get("conditions", [])
    return next((item for item in conditions if item["type"] == kind), {})


def _serves(pod: Mapping[str, Any]) -> bool:
    is_leaving = "deletionTimestamp" in pod["metadata"]
    return not is_leaving and condition(pod, "Ready").get("status") == "True"
