"""When the node, its DNS and its metrics can be used."""

import secrets
import socket
import struct

from localcluster.addons import CLUSTER_DOMAIN
from localcluster.addresses import Block
from localcluster.api import ApiServer
from localcluster.bootstrap import schedulable
from localcluster.node.config import NODE_NAME

QUERY_SECONDS = 1.0
DNS_PORT = 53
API_SERVICE = f"kubernetes.default.svc.{CLUSTER_DOMAIN}"


def node(api: ApiServer) -> bool:
    found = api.get(f"/api/v1/nodes/{NODE_NAME}")
    return found is not None and schedulable(found)


def dns(block: Block) -> bool:
    """Whether the cluster's DNS, asked through its Service, knows the API server."""
    identifier = secrets.token_bytes(2)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.settimeout(QUERY_SECONDS)
        try:
            sender.connect((str(block.cluster_dns), DNS_PORT))
            sender.send(dns_query(identifier, API_SERVICE))
            answer = sender.recv(512)
        except OSError:
            return False
    return answer[:2] == identifier and answer.endswith(block.api_service.packed)


def dns_query(identifier: bytes, name: str) -> bytes:
    """One question for an IPv4 address, as RFC 1035 section 4 lays it out."""
    flags_and_counts = struct.pack(">5H", 0x0100, 1, 0, 0, 0)
    labels = (bytes([len(label)]) + label.encode() for label in name.split("."))
    type_and_class = struct.pack(">2H", 1, 1)
    return identifier + flags_and_counts + b"".join(labels) + b"\0" + type_and_class


def metrics(api: ApiServer) -> bool:
    """Whether figures have arrived, not only their server."""
    return api.get(f"/apis/metrics.k8s.io/v1beta1/nodes/{NODE_NAME}") is not None
