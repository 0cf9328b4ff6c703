"""Who lives around a CMS: all that try to reach each other where policies are tested."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from demo.headless_cms import HeadlessCms
from demo.installation import DATASTORES_RELEASE, OPERATOR_NAMESPACE, OPERATOR_RELEASE, Installation
from demo.tools import Kubectl
from demo.traffic import LoadPod
from tests.e2e.connections import Client, Server, ready_pods
from tests.support.network import Outside

OPERATOR = f"app.kubernetes.io/name={OPERATOR_RELEASE}"
DNS = "k8s-app=kube-dns"
DNS_HEALTH = 8080


@dataclass(frozen=True)
class Neighbourhood:
    """The pod of the load is the neighbour; other namespaces have the stranger and Prometheus."""

    installation: Installation
    cms: HeadlessCms

    @property
    def strangers(self) -> str:
        return f"{self.cms.namespace}-strangers"

    @property
    def monitoring(self) -> str:
        return f"{self.cms.namespace}-monitoring"

    @contextmanager
    def inhabited(self, image: str) -> Iterator[None]:
        """Pods of the others are there, of an image that has Python."""
        others = (self.strangers, self.monitoring)
        for namespace in others:
            self.installation.create_namespace(namespace)
            LoadPod(self.kubectl, namespace, image).start()
        yield
        for namespace in others:
            self.installation.remove_namespace(namespace, wait=False)

    def clients(self) -> dict[str, Client]:
        """The pods of now: other tests kill the operator's, and releases replace the CMS's."""
        return {
            "stranger": self._pods(self.strangers)[0],
            "Prometheus": self._pods(self.monitoring)[0],
            "neighbour": self._pods(self.cms.namespace, "!app.kubernetes.io/name")[0],
            "CMS": self._pods_of_cms()[0],
            # What a pod asks of itself never leaves it.
            "operator": replace(self._pods(OPERATOR_NAMESPACE, OPERATOR)[0], unasked={"operator"}),
            "PostgreSQL": replace(self._datastore("postgres"), unasked={"PostgreSQL"}),
            "Redis": replace(self._datastore("redis"), unasked={"Redis"}),
        }

    def servers(self) -> dict[str, Server]:
        cms = self._pods_of_cms()[-1].end  # the client is another one
        operator = self._pods(OPERATOR_NAMESPACE, OPERATOR)[0].end
        dns = self._pods("kube-system", DNS)[0].end
        return {
            "CMS": Server(cms, cms.ports["http"], self._service(self.cms.name)),
            "CMS admin": Server(cms, cms.ports["admin"]),
            "operator": Server(
                operator,
                operator.ports["health"],
                self._service(f"{OPERATOR_RELEASE}-metrics", OPERATOR_NAMESPACE),
            ),
            "PostgreSQL": self._served("postgres"),
            "Redis": self._served("redis"),
            "DNS": Server(dns, dns.ports["dns-tcp"], self._service("kube-dns", "kube-system")),
            "DNS health": Server(dns, DNS_HEALTH),
            "API server": self._api_server(),
        }

    def policies(self) -> list[dict[str, Any]]:
        """All of the cluster."""
        return list(json.loads(self.kubectl("get", "networkpolicies", "-A", "-o", "json"))["items"])

    @property
    def kubectl(self) -> Kubectl:
        return self.installation.kubectl

    def _pods(self, namespace: str, selector: str = "") -> list[Client]:
        """At least one; raises LookupError."""
        found = ready_pods(self.kubectl, namespace, selector)
        if not found:
            raise LookupError(f"no pod of {namespace} is ready: {selector}")
        return found

    def _pods_of_cms(self) -> list[Client]:
        return self._pods(
            self.cms.namespace, f"{self.cms.selector},app.kubernetes.io/component=api"
        )

    def _datastore(self, name: str) -> Client:
        labels = {"name": name, "instance": DATASTORES_RELEASE}
        selector = ",".join(f"app.kubernetes.io/{key}={value}" for key, value in labels.items())
        return self._pods(self.cms.namespace, selector)[0]

    def _served(self, datastore: str) -> Server:
        end = self._datastore(datastore).end
        service = self._service(f"{DATASTORES_RELEASE}-{datastore}")
        return Server(end, end.ports[datastore], service)

    def _service(self, name: str, namespace: str = "") -> str:
        """The address of a Service: not everybody may ask the DNS for its name."""
        found = self.kubectl.get("service", name, namespace or self.cms.namespace)
        if found is None:
            raise LookupError(f"no Service {name}")
        port = next(port for port in found["spec"]["ports"] if port.get("protocol") == "TCP")
        return f"{found['spec']['clusterIP']}:{port['port']}"

    def _api_server(self) -> Server:
        (found,) = self.kubectl.items("endpointslices", "default")
        address, port = found["endpoints"][0]["addresses"][0], found["ports"][0]["port"]
        return Server(Outside(address), port, self._service("kubernetes", "default"))
