"""What a platform team does with its namespace."""

import base64
import json
import time
from collections.abc import Callable
from typing import Any, TypeVar

from localcluster.controlplane import ControlPlane
from tests.controlplane.api import APPLY, KINDS, MERGE, Api, Object, RefusedError, Watch
from tests.controlplane.audit import AuditLog

IMAGES = "registry.example/cms"
IMAGE = f"{IMAGES}:1.0.0"
# Shorter than what heals by itself in the end: a watch begins anew after two minutes.
PATIENCE = 60.0
# For what has a pace of its own: the garbage collector tries again after twice as long as before,
# counts of pods may wait a minute, and what is refused is asked for ever more rarely.
LONG_PATIENCE = 180.0
QUIET_SECONDS = 3
NOT_FOUND = 404
OF_THE_USERS = {"source", "kube-root-ca.crt", "default"}
T = TypeVar("T")

SOURCE = {
    "database-url": "postgresql://owner:first-password@db.example:5432/cms",
    "redis-url": "redis://:redis-password@redis.example:6379/0",
}


def eventually(look: Callable[[], T], what: str, seconds: float = PATIENCE) -> T:
    """Wait until `look` gives something true; its last answer is in the failure."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, f"not within {seconds:.0f} s: {what}; last: {found!r}"
        time.sleep(0.1)
    return found


def always(look: Callable[[], bool], what: str, seconds: float) -> None:
    """`look` must stay true for that long."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        assert look(), what
        time.sleep(0.2)


def wait_for_quiet(audit: AuditLog, seconds: float = QUIET_SECONDS) -> None:
    """Until the operator has nothing left to do, for this test's objects or for others'."""

    def is_quiet() -> bool:
        place = audit.now()
        time.sleep(seconds)
        return not audit.since(place)

    eventually(is_quiet, "the operator asks for nothing", seconds=120)


class Team:
    def __init__(self, control_plane: ControlPlane, api: Api, namespace: str) -> None:
        self.control_plane = control_plane
        self.api = api
        self.audit = AuditLog(control_plane.audit_log)
        self.namespace = namespace

    def create(self) -> None:
        metadata = {"name": self.namespace}
        self.api.request("POST", "/api/v1/namespaces", {"metadata": metadata})
        self.write_secret("source", SOURCE)

    def remove(self) -> None:
        self.api.request("DELETE", KINDS["headlesscms"].path(self.namespace))
        self.api.request("DELETE", f"/api/v1/namespaces/{self.namespace}")

    # --- objects of any kind

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        return self.control_plane.kubectl("-n", self.namespace, *arguments, stdin=stdin)

    def apply(self, manifest: Object) -> None:
        """Server-side apply, as kubectl, Argo CD and Flux do it."""
        path = self._path(manifest["kind"], manifest["metadata"]["name"])
        self.api.request("PATCH", f"{path}?fieldManager=team&force=true", manifest, APPLY)

    def patch(self, kind: str, name: str, change: Object, subresource: str = "") -> None:
        path = self._path(kind, name) + (f"/{subresource}" if subresource else "")
        self.api.request("PATCH", f"{path}?fieldManager=someone", change, MERGE)

    def delete(self, kind: str, name: str) -> None:
        self.api.request("DELETE", f"{self._path(kind, name)}?propagationPolicy=Background")

    def get(self, kind: str, name: str) -> Object | None:
        try:
            found: Object = self.api.request("GET", self._path(kind, name))
        except RefusedError as error:
            if error.status == NOT_FOUND:
                return None
            raise
        return found

    def the(self, kind: str, name: str) -> Object:
        found = self.get(kind, name)
        assert found is not None, f"there is no {kind} {name}"
        return found

    def all(self, kind: str) -> list[Object]:
        items: list[Object] = self.api.request("GET", KINDS[kind].path(self.namespace))["items"]
        return items

    def names(self, kind: str) -> set[str]:
        return {found["metadata"]["name"] for found in self.all(kind)}

    def left_over(self) -> set[str]:
        """All objects in the namespace that are not the users' own."""
        return {
            f"{kind}/{name}"
            for kind in KINDS
            if kind != "event"
            for name in self._names_if_served(kind)
            if name not in OF_THE_USERS
        }

    def _names_if_served(self, kind: str) -> set[str]:
        try:
            return self.names(kind)
        except RefusedError as error:
            if KINDS[kind].optional and error.status == NOT_FOUND:
                return set()
            raise

    def wait_until_gone(self) -> None:
        eventually(lambda: not self.left_over(), "nothing of it is left", LONG_PATIENCE)

    def owners(self) -> set[str]:
        """Uids of what owns the children; the garbage collector takes those of nobody later."""
        return {
            owner["uid"]
            for kind in ("secret", "service", "deployment", "controllerrevision")
            for child in self.all(kind)
            for owner in child["metadata"].get("ownerReferences", [])
        }

    def watch(self, kind: str, see: Callable[[str, Object], None]) -> Watch:
        return Watch(self.api, KINDS[kind], self.namespace, see)

    def _path(self, kind: str, name: str) -> str:
        return KINDS[kind.lower()].path(self.namespace, name)

    # --- Secrets

    def write_secret(self, name: str, values: dict[str, str], *, watched: bool = True) -> None:
        encoded = {key: base64.b64encode(value.encode()).decode() for key, value in values.items()}
        labels = {"headlesscms.io/watch": "true"} if watched else {}
        metadata = {"name": name, "labels": labels}
        self.apply({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": encoded})

    def read_secret(self, name: str) -> dict[str, str]:
        data = self.the("secret", name).get("data", {})
        return {key: base64.b64decode(value).decode() for key, value in data.items()}

    # --- a HeadlessCMS

    def make(self, name: str = "shop", **spec: Any) -> None:
        """Apply one, which does not bake unless it says so; applied again without a field, that
        field is gone.
        """
        self.apply(
            {
                "apiVersion": "headlesscms.io/v1alpha1",
                "kind": "HeadlessCMS",
                "metadata": {"name": name},
                "spec": {
                    "image": IMAGE,
                    "secretName": "source",
                    **spec,
                    "rollout": {"bakeSeconds": 0, **spec.get("rollout", {})},
                },
            }
        )

    def annotate(self, word: str, value: str, name: str = "shop") -> None:
        """Ask for something, by the annotation headlesscms.io/<word>."""
        change = {"metadata": {"annotations": {f"headlesscms.io/{word}": value}}}
        self.patch("headlesscms", name, change)

    def status(self, name: str = "shop") -> Object:
        status: Object = (self.get("headlesscms", name) or {}).get("status", {})
        return status

    def revision(self, name: str = "shop") -> str:
        return str(self.status(name)["stableRevision"])

    def sizes(self, name: str = "shop") -> dict[str, int]:
        """The pods that are wanted of each revision that has a Deployment."""
        return {
            found["metadata"]["name"].removeprefix(f"{name}-"): found["spec"]["replicas"]
            for found in self.all("deployment")
            if found["metadata"]["labels"]["app.kubernetes.io/instance"] == name
        }

    def phase(self, name: str = "shop") -> str:
        """That of its rollout; empty where there was none."""
        return str(self.status(name).get("rollout", {}).get("phase", ""))

    def pods(self, name: str = "shop") -> set[str]:
        """Uids of the pods that serve; a pod that was replaced has another one."""
        return {
            pod["metadata"]["uid"]
            for pod in self.all("pod")
            if pod["metadata"]["labels"]["app.kubernetes.io/component"] == "api"
            and pod["metadata"]["labels"]["app.kubernetes.io/instance"] == name
            and "deletionTimestamp" not in pod["metadata"]
        }

    def events(self, name: str = "shop") -> list[tuple[str, str]]:
        """Reason and note of each Event about the HeadlessCMS."""
        return [
            (event["reason"], event.get("note", ""))
            for event in self.all("event")
            if event["regarding"].get("kind") == "HeadlessCMS"
            and event["regarding"].get("name") == name
        ]

    def wait_for_event(self, reason: str) -> None:
        eventually(lambda: reason in dict(self.events()), f"an Event {reason}")

    def condition(self, kind: str, name: str = "shop") -> tuple[str, str, str]:
        """Status, reason and message; empty where there is none for the present spec yet."""
        found = self.get("headlesscms", name) or {}
        generation = found.get("metadata", {}).get("generation")
        for condition in found.get("status", {}).get("conditions", []):
            if condition["type"] == kind and condition["observedGeneration"] == generation:
                return condition["status"], condition["reason"], condition.get("message", "")
        return "", "", ""

    def wait_for(
        self,
        kind: str,
        status: str,
        reason: str = "",
        name: str = "shop",
        seconds: float = PATIENCE,
    ) -> str:
        """Wait for a condition and return its message."""

        def as_wanted() -> tuple[str, ...]:
            found = self.condition(kind, name)
            return found if found[0] == status and reason in ("", found[1]) else ()

        what = f"{kind}={status} {reason} of {name}"
        try:
            return eventually(as_wanted, what, seconds)[2]
        except AssertionError as failure:
            raise AssertionError(f"{failure}: {json.dumps(self.status(name))}") from None

    def wait_until_ready(self, name: str = "shop", seconds: float = PATIENCE) -> None:
        self.wait_for("Ready", "True", name=name, seconds=seconds)
        self.wait_for("Reconciling", "False", name=name, seconds=seconds)
