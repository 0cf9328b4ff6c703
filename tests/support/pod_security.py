"""The rules of the Pod Security Standard `restricted` that a pod made here could break."""

from collections.abc import Iterator, Mapping
from typing import Any

ALLOWED_VOLUMES = {
    "configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim",
    "projected", "secret",
}  # fmt: skip


def violations(pod: Mapping[str, Any]) -> list[str]:
    """What a pod's spec breaks; empty where admission would let it in."""
    found = [f"{field} is set" for field in ("hostNetwork", "hostPID", "hostIPC") if pod.get(field)]
    found += [
        f"volume {volume['name']} is of another kind"
        for volume in pod.get("volumes", [])
        if not ALLOWED_VOLUMES & volume.keys()
    ]
    containers = [*pod.get("initContainers", []), *pod["containers"]]
    return found + [line for container in containers for line in _container(pod, container)]


def _container(pod: Mapping[str, Any], container: Mapping[str, Any]) -> Iterator[str]:
    own = container.get("securityContext", {})
    merged = {**pod.get("securityContext", {}), **own}
    name = container["name"]
    if merged.get("runAsNonRoot") is not True or merged.get("runAsUser") == 0:
        yield f"{name} may run as root"
    if merged.get("seccompProfile", {}).get("type") not in {"RuntimeDefault", "Localhost"}:
        yield f"{name} has no seccomp profile"
    if own.get("allowPrivilegeEscalation") is not False:
        yield f"{name} may gain privileges"
    if own.get("privileged"):
        yield f"{name} is privileged"
    if "ALL" not in own.get("capabilities", {}).get("drop", []):
        yield f"{name} keeps capabilities"
    if any("hostPort" in port for port in container.get("ports", [])):
        yield f"{name} takes a port of the node"
