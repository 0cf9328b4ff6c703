"""What no child of a HeadlessCMS may be, whatever its spec says."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from cms_operator.api import HeadlessCMS
from cms_operator.cluster.kinds import BY_NAME
from tests.support.pod_security import violations

Manifest = Mapping[str, Any]

_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_MIGRATE = ["python", "-m", "cms_service", "migrate"]
_COMMANDS: tuple[list[str], ...] = ([], _MIGRATE, [*_MIGRATE, "--contract"])
_POD = {
    "serviceAccountName", "automountServiceAccountToken", "enableServiceLinks", "securityContext",
    "imagePullSecrets", "nodeSelector", "tolerations", "priorityClassName", "affinity",
    "topologySpreadConstraints", "terminationGracePeriodSeconds", "restartPolicy", "containers",
    "volumes",
}  # fmt: skip
_CONTAINER = {
    "name", "image", "imagePullPolicy", "command", "ports", "env", "envFrom", "resources",
    "livenessProbe", "readinessProbe", "startupProbe", "securityContext",
    "terminationMessagePolicy", "volumeMounts",
}  # fmt: skip
_VOLUMES = {"secret", "configMap", "emptyDir", "persistentVolumeClaim", "projected"}
_SOURCES = {"secret", "configMap"}
_OWN_MOUNTS = ("/etc/headlesscms", "/tmp")  # noqa: S108 - the pod's, not ours
# Where a manifest may speak of another namespace: the reasons are in confinement.py.
_OTHER_NAMESPACES = (
    re.compile(r"HTTPRoute\.spec\.parentRefs\.namespace"),
    re.compile(r"NetworkPolicy\.spec\.ingress\.from\.namespaceSelector\b.*"),
    re.compile(r".*\.pod(Anti)?Affinity\..*\.namespace(s|Selector)\b.*"),
)


def breaches(
    resource: HeadlessCMS, children: Iterable[Manifest], secrets: Iterable[str]
) -> list[str]:
    """Empty where all is well; `secrets` are texts that only Secrets may hold."""
    words = tuple(secrets)
    return [
        f"{child['kind']} {child['metadata']['name']}: {problem}"
        for child in children
        for problem in (*_object(resource, child), *_pods(resource, child), *_leaks(child, words))
    ]


def _object(resource: HeadlessCMS, child: Manifest) -> Iterator[str]:
    metadata = child["metadata"]
    kind = BY_NAME.get(child["kind"])
    if kind is None or not kind.writable or kind.api_version != child["apiVersion"]:
        yield "is of a kind that the operator does not make"
    if metadata["namespace"] != resource.namespace:
        yield "is in another namespace"
    if _LABEL.fullmatch(metadata["name"]) is None:
        yield "has no plain name"
    (owner,) = metadata["ownerReferences"]
    if (owner["kind"], owner["name"]) != ("HeadlessCMS", resource.name):
        yield "belongs to something else"
    if unknown := metadata.keys() - {
        "name", "namespace", "labels", "annotations", "ownerReferences",
    }:  # fmt: skip
        yield f"has the metadata {unknown}"
    for path, key in _keys(child, child["kind"]):
        if "namespace" in key.lower() and not any(p.fullmatch(path) for p in _OTHER_NAMESPACES):
            yield f"speaks of a namespace at {path}"


def _keys(found: Any, path: str) -> Iterator[tuple[str, str]]:
    """Keys that the builders have chosen: not those of labels, annotations, configuration."""
    if isinstance(found, Mapping):
        for key, inner in found.items():
            place = f"{path}.{key}"
            if place.endswith(".metadata.namespace"):
                continue
            yield place, key
            if key not in {"labels", "annotations", "matchLabels", "nodeSelector", "data"}:
                yield from _keys(inner, place)
    elif isinstance(found, list | tuple):
        for inner in found:
            yield from _keys(inner, path)


def _pods(resource: HeadlessCMS, child: Manifest) -> Iterator[str]:
    if child["kind"] not in {"Deployment", "Job", "ControllerRevision"}:
        return
    spec = child["data"] if child["kind"] == "ControllerRevision" else child["spec"]
    pod = spec["template"]["spec"]
    yield from violations(pod)
    if unknown := pod.keys() - _POD:
        yield f"its pod has the fields {unknown}"
    if pod["automountServiceAccountToken"] is not False or pod["enableServiceLinks"] is not False:
        yield "its pod gets a token"
    accounts = (resource.name, resource.spec.pod.service_account_name)
    if pod["serviceAccountName"] not in accounts:
        yield "its pod has a ServiceAccount that nobody named"
    for volume in pod["volumes"]:
        yield from _volume(volume)
    for container in pod["containers"]:
        yield from _container(container)


def _volume(volume: Manifest) -> Iterator[str]:
    (kind,) = volume.keys() - {"name"}
    if kind not in _VOLUMES:
        yield f"a volume is a {kind}"
    if kind == "projected":
        for source in volume["projected"]["sources"]:
            if source.keys() - _SOURCES:
                yield f"a volume shows {set(source)}"


def _container(container: Manifest) -> Iterator[str]:
    if unknown := container.keys() - _CONTAINER:
        yield f"its container has the fields {unknown}"
    if list(container.get("command", [])) not in _COMMANDS:
        yield "its container has a command of somebody else"
    if container["securityContext"]["readOnlyRootFilesystem"] is not True:
        yield "its root file system can be written"
    for probe in ("livenessProbe", "readinessProbe", "startupProbe"):
        if probe in container and container[probe]["httpGet"].keys() != {"path", "port", "scheme"}:
            yield f"its {probe} asks elsewhere"
    paths = [mount["mountPath"] for mount in container["volumeMounts"]]
    own = [mount for mount in container["volumeMounts"] if mount["name"].startswith("hcms-")]
    if len(paths) != len(set(paths)):
        yield "two volumes are mounted at one place"
    for mount in container["volumeMounts"]:
        path = mount["mountPath"]
        if mount not in own and (path.startswith(_OWN_MOUNTS) or ".." in path.split("/")):
            yield f"a volume of the user's hides {path}"
    names = [variable["name"] for variable in container.get("env", [])]
    if len(names) != len(set(names)):
        yield "a variable is there twice"


def _leaks(child: Manifest, words: tuple[str, ...]) -> Iterator[str]:
    if child["kind"] != "Secret":
        text = repr(child)
        yield from ("it holds what is secret" for word in words if word in text)
