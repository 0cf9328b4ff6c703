"""Who reaches whom, by connections that are tried from within the pods."""

import json
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from demo.headless_cms import condition
from demo.tools import Kubectl
from tests.support.network import End, Pod

# Every image that is built for the node has Python. A policy may also swallow what it refuses.
TRY = """
import json, socket, sys
def answers(address):
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=2).close()
    except OSError:
        return False
    return True
print(json.dumps({address: answers(address) for address in sys.argv[1:]}))
"""
Outcomes = dict[str, dict[str, set[bool]]]


@dataclass(frozen=True)
class Client:
    end: Pod
    name: str
    unasked: Collection[str] = ()  # the servers in it


@dataclass(frozen=True)
class Server:
    end: End
    port: int
    service: str = ""  # where its Service has the port

    @property
    def addresses(self) -> list[str]:
        return [f"{self.end.address}:{self.port}", *([self.service] if self.service else [])]


def tried(
    kubectl: Kubectl, clients: Mapping[str, Client], servers: Mapping[str, Server]
) -> Outcomes:
    """Whether each server answers each client, at its own address and at that of its Service."""
    asked = {
        client: {name: server for name, server in servers.items() if name not in found.unasked}
        for client, found in clients.items()
    }
    with ThreadPoolExecutor(max_workers=4) as pool:
        answers = pool.map(
            lambda name: _answers(kubectl, clients[name], list(asked[name].values())), clients
        )
    return {
        client: {
            name: {answer[address] for address in server.addresses}
            for name, server in asked[client].items()
        }
        for client, answer in zip(clients, answers, strict=True)
    }


def _answers(kubectl: Kubectl, client: Client, servers: Sequence[Server]) -> dict[str, bool]:
    addresses = [address for server in servers for address in server.addresses]
    pod = ("exec", "-n", client.end.namespace, client.name, "--")
    return dict(json.loads(kubectl(*pod, "python3", "-c", TRY, *addresses)))


def ready_pods(kubectl: Kubectl, namespace: str, selector: str = "") -> list[Client]:
    return [
        Client(_end(pod), pod["metadata"]["name"])
        for pod in kubectl.items("pods", namespace, selector)
        if condition(pod, "Ready").get("status") == "True"
        and "deletionTimestamp" not in pod["metadata"]
    ]


def _end(pod: Mapping[str, Any]) -> Pod:
    metadata, (container,) = pod["metadata"], pod["spec"]["containers"]
    ports = {port["name"]: port["containerPort"] for port in container.get("ports", ())}
    labels = metadata.get("labels", {})
    return Pod(metadata["namespace"], labels, ports, pod["status"]["podIP"])
