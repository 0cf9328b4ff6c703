"""What the end-to-end tests share: one namespace with datastores, and ways to make CMSs in it."""

import base64
import json
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import httpx

from demo.editor import Editor
from demo.headless_cms import HeadlessCms, is_ready
from demo.installation import DATASTORES_RELEASE, OPERATOR_NAMESPACE, SOURCE_SECRET
from demo.tools import CommandError, Kubectl
from demo.traffic import LoadPod
from demo.waiting import wait_until

READY_SECONDS = 240
# The operator may be starting anew: the tests of another process kill it.
HEALING_SECONDS = 180
REQUEST_SECONDS = 20
OPERATOR = ("deployment/headlesscms-operator", "-n", OPERATOR_NAMESPACE)
DATASTORES = {"postgres": "statefulset", "redis": "deployment"}
TENANT = "acme"
SMALL: dict[str, Any] = {
    "replicas": 2,
    "service": {"type": "ClusterIP"},
    "resources": {
        "requests": {"cpu": "50m", "memory": "192Mi"},
        "limits": {"cpu": "500m", "memory": "384Mi"},
    },
    "database": {"poolSize": 5},
    # The images of the releases are two in turn: all the same they get all their steps.
    "rollout": {"bakeSeconds": 3, "rollbackWindow": {"revisions": 0}},
    "tenants": [{"name": TENANT, "ownerEmail": "owner@acme.example"}],
}
# A release that is judged while it waits for a person, and the way back to what SMALL asks for.
TRIAL: dict[str, Any] = {
    "strategy": "Canary",
    "canary": {"steps": [{"setWeight": 50}, {"pause": {}}]},
    "analysis": {"intervalSeconds": 5, "warmUpSeconds": 5},
}
NO_TRIAL: dict[str, Any] = {
    "strategy": "RollingUpdate",
    **dict.fromkeys(("canary", "analysis")),
}


def wait_until_taken_back(cms: HeadlessCms, reason: str) -> None:
    wait_until(
        lambda: cms.condition("Stalled").get("reason") == reason, READY_SECONDS, "it is taken back"
    )


def wait_until_alone(cms: HeadlessCms) -> None:
    wait_until(cms.is_alone, READY_SECONDS, "the other pods are gone")


def wait_until_settled(cms: HeadlessCms) -> None:
    wait_until(lambda: is_settled(cms), READY_SECONDS, f"{cms.name} is as at the start")


def is_settled(cms: HeadlessCms) -> bool:
    """Nothing of an earlier test is left: no other Deployment, no pod that is ending or starting.

    Ready alone allows fewer pods than are wanted, and the status counts them a moment later.
    """
    found, wanted = cms.found(), SMALL["replicas"]
    status = found["status"]
    return (
        is_ready(found)
        and {status.get("replicas"), status.get("readyReplicas")} == {wanted}
        and len(cms.deployments()) == 1
        and len(cms.pods()) == len(cms.serving_pods()) == wanted
    )


def wait_until_replaced(cms: HeadlessCms, before: list[str]) -> None:
    """The first of the pods that served `before` has gone, and another one serves."""
    wait_until(
        lambda: len(set(cms.serving_pods()) - {before[0]}) == len(before),
        READY_SECONDS,
        "another pod serves in its place",
    )


@dataclass(frozen=True)
class World:
    kubectl: Kubectl
    namespace: str
    image: str
    load: LoadPod

    def make(self, name: str, **spec: Any) -> HeadlessCms:
        """Apply a small HeadlessCMS that reads the Secret `<name>-cms`, unless told otherwise."""
        self.kubectl.apply(
            {
                "apiVersion": "headlesscms.io/v1alpha1",
                "kind": "HeadlessCMS",
                "metadata": {"name": name, "namespace": self.namespace},
                "spec": {**SMALL, "image": self.image, "secretName": f"{name}-cms", **spec},
            }
        )
        return HeadlessCms(self.kubectl, self.namespace, name)

    def wait_until_ready(self, cms: HeadlessCms) -> None:
        wait_until(cms.is_ready, READY_SECONDS, f"{cms.name} is Ready")

    def make_database(self, name: str) -> None:
        self.sql(f"CREATE DATABASE {name}")

    def sql(self, statement: str, database: str = "cms") -> str:
        """Run it as the superuser of the demo's PostgreSQL."""
        pod = f"{DATASTORES_RELEASE}-postgres-0"
        # The password goes from a file into the variable inside the pod.
        login = "PGPASSWORD=$(cat /etc/datastores/postgres-password) exec psql"
        options = f"-h 127.0.0.1 -U cms -d {database} -v ON_ERROR_STOP=1 -q -A -t"
        return self.kubectl(
            "exec", "-i", "-n", self.namespace, pod, "--", "sh", "-c", f"{login} {options}",
            stdin=statement,
        ).strip()  # fmt: skip

    def keep_away(self, store: str, seconds: float) -> None:
        """End its container whenever it comes up; what it has stored stays in the pod."""
        target = f"{DATASTORES[store]}/{DATASTORES_RELEASE}-{store}"
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            with suppress(CommandError):
                self.kubectl("exec", "-n", self.namespace, target, "--", "sh", "-c", "kill -INT 1")
            time.sleep(1)

    def source(self) -> dict[str, str]:
        """The URLs that the datastores' chart wrote."""
        secret = self.kubectl.get("secret", SOURCE_SECRET, self.namespace)
        assert secret is not None
        return {key: base64.b64decode(value).decode() for key, value in secret["data"].items()}

    def database_url(self, database: str, user: str | None = None, password: str = "") -> str:
        """The URL of a database on the demo's server; its superuser's where no user is named."""
        url = urlsplit(self.source()["database-url"])
        login, _, server = url.netloc.rpartition("@")
        login = f"{user}:{password}" if user else login
        return urlunsplit(url._replace(netloc=f"{login}@{server}", path=f"/{database}"))

    def write_secret(self, name: str, values: Mapping[str, str]) -> None:
        self.kubectl.apply(
            {
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": {
                    "name": name,
                    "namespace": self.namespace,
                    "labels": {"headlesscms.io/watch": "true"},
                },
                "stringData": dict(values),
            }
        )

    def write_source(self, name: str, database: str) -> None:
        """The Secret that make(name) reads, leading to a database of its own."""
        self.make_database(database)
        redis = self.source()["redis-url"]
        urls = {"database-url": self.database_url(database), "redis-url": redis}
        self.write_secret(f"{name}-cms", urls)

    def publish_article(self, cms: HeadlessCms, slug: str, title: str) -> str:
        """Publish through the Service as the first owner. Return the path at which everybody reads
        it.
        """
        with (
            self.kubectl.forwarded(cms.name, self.namespace) as address,
            httpx.Client(base_url=address, timeout=REQUEST_SECONDS) as http,
        ):
            editor = Editor.log_in(http, cms.owner(TENANT))
            editor.apply_types()
            editor.open_delivery_to_everybody()
            return editor.publish_article(slug=slug, title=title, body="Body")

    def read(self, cms: HeadlessCms, path: str) -> dict[str, Any]:
        """Read through the Service as anybody."""
        with self.kubectl.forwarded(cms.name, self.namespace) as address:
            answer = httpx.get(address + path, timeout=REQUEST_SECONDS)
        answer.raise_for_status()
        return dict(answer.json())

    def evict(self, pod: str) -> None:
        """Ask for what a drain of its node asks for."""
        metadata = {"name": pod, "namespace": self.namespace}
        eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": metadata}
        path = f"/api/v1/namespaces/{self.namespace}/pods/{pod}/eviction"
        self.kubectl("create", "--raw", path, "-f", "-", stdin=json.dumps(eviction))

    def delete(self, cms: HeadlessCms) -> None:
        self.kubectl("delete", "headlesscms", cms.name, "-n", self.namespace, "--ignore-not-found")
