"""Every child is taken by a real API server, and read back as it was asked for."""

import json
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from cms_operator.api import parse
from cms_operator.cluster.writing.drift import first_difference
from cms_operator.resources.sources.sources import required_secrets
from localcluster.controlplane import ControlPlane
from tests.support.charts import REPOSITORY
from tests.support.children import Case, case, children
from tests.unit.api.test_quantities import SPELLINGS
from tests.unit.resources.golden import CASES, FOLDER

GOLDENS = [FOLDER / name / "input.yaml" for name in CASES]
SAMPLES = [REPOSITORY / "config" / "samples" / f"{name}.yaml" for name in ("minimal", "production")]
FILES = pytest.mark.parametrize(
    "path", GOLDENS + SAMPLES, ids=lambda path: "/".join(path.parts[-2:])
)

# What the full golden names and the server wants to exist before it lets a pod in.
NEEDED: list[dict[str, Any]] = [
    {
        "apiVersion": "scheduling.k8s.io/v1",
        "kind": "PriorityClass",
        "metadata": {"name": "important"},
        "value": 1000,
    },
    {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "shop-identity"}},
]


class Namespace:
    """One that enforces the Pod Security Standard `restricted`."""

    def __init__(self, control_plane: ControlPlane) -> None:
        self._control_plane = control_plane
        self.name = f"children-{secrets.token_hex(3)}"
        control_plane.kubectl("create", "namespace", self.name)
        enforce = "pod-security.kubernetes.io/enforce=restricted"
        control_plane.kubectl("label", "namespace", self.name, enforce)
        for needed in NEEDED:
            self.apply(needed)

    def apply(self, manifest: dict[str, Any], *options: str) -> dict[str, Any]:
        arguments = ("apply", "--server-side", "--field-manager=headlesscms-operator", "-o", "json")
        text = self._control_plane.kubectl(
            "-n", self.name, *arguments, *options, "-f", "-", stdin=json.dumps(manifest)
        )
        return dict(json.loads(text))

    def read(self, manifest: dict[str, Any]) -> dict[str, Any]:
        kind, name = manifest["kind"], manifest["metadata"]["name"]
        text = self._control_plane.kubectl("-n", self.name, "get", kind, name, "-o", "json")
        return dict(json.loads(text))

    def remove(self) -> None:
        self._control_plane.kubectl("delete", "namespace", self.name, "--wait=false")


@pytest.fixture
def namespace(installed: ControlPlane) -> Iterator[Namespace]:
    made = Namespace(installed)
    yield made
    made.remove()


def stored_case(namespace: Namespace, path: Path) -> Case:
    """A case whose owner is in the cluster, suspended so that nobody but the test acts on it."""
    documents = list(yaml.safe_load_all(path.read_text()))
    manifest = documents[0]
    manifest["metadata"]["namespace"] = namespace.name
    suspended = {**manifest, "spec": {**manifest["spec"], "suspend": True}}
    manifest["metadata"]["uid"] = namespace.apply(suspended)["metadata"]["uid"]
    given = {item["metadata"]["name"]: item["stringData"] for item in documents[1:]}
    return case(manifest, given or _plausible_secrets(manifest))


def _plausible_secrets(manifest: dict[str, Any]) -> dict[str, dict[str, str]]:
    refs = required_secrets(parse(manifest).spec)
    values = {
        refs.database: "postgresql://pods:word@db.example/cms",
        refs.migration: "postgresql://owner:word@db.example/cms",
        refs.replica: "postgresql://pods:word@replica.example/cms",
        refs.redis: "redis://redis.example",
    }
    found: dict[str, dict[str, str]] = {name: {} for name in refs.names}
    for reference, value in values.items():
        if reference and reference not in refs.optional:
            found[reference.name][reference.key] = value
    return found


@FILES
def test_what_was_applied_is_read_back_without_a_difference(
    namespace: Namespace, path: Path
) -> None:
    for manifest in children(stored_case(namespace, path)):
        if manifest["kind"] == "HTTPRoute":
            continue  # the Gateway API is not part of Kubernetes
        namespace.apply(manifest)
        live = namespace.read(manifest)
        assert first_difference(manifest, live) is None, manifest["kind"]


@FILES
def test_pods_pass_the_restricted_pod_security_standard(namespace: Namespace, path: Path) -> None:
    made = children(stored_case(namespace, path))
    for manifest in made:
        if manifest["kind"] == "ServiceAccount":
            namespace.apply(manifest)
    for manifest in made:
        if manifest["kind"] in {"Deployment", "Job"}:
            template = manifest["spec"]["template"]
            template["metadata"]["name"] = manifest["metadata"]["name"]
            pod = {"apiVersion": "v1", "kind": "Pod", **template}
            admitted = namespace.apply(pod, "--dry-run=server")
            assert admitted["spec"]["priority"] >= 0
            assert first_difference(template["spec"], admitted["spec"]) is None


def test_quantities_are_spelled_as_the_server_spells_them(namespace: Namespace) -> None:
    names = {f"requests.example.com/n{number}": pair for number, pair in enumerate(SPELLINGS)}
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "spelling"},
        "spec": {"hard": {name: given for name, (given, _) in names.items()}},
    }
    stored = namespace.apply(quota, "--dry-run=server")["spec"]["hard"]
    assert stored == {name: spelled for name, (_, spelled) in names.items()}
