"""What `up` leaves behind for later runs of the tool."""

import json
from dataclasses import dataclass
from ipaddress import IPv4Network
from pathlib import Path

from localcluster.addresses import Block
from localcluster.api import ApiServer
from localcluster.cluster import Cluster
from localcluster.components import API_PORT
from localcluster.paths import node_state, write_private
from localcluster.pki import Certificate
from localcluster.processes import ProcessFolder

PROVIDER = "node"


@dataclass(frozen=True)
class Record:
    kubeconfig: str
    binaries: str
    network: str

    @property
    def cluster(self) -> Cluster:
        return Cluster(PROVIDER, Path(self.kubeconfig), Path(self.binaries))

    @property
    def block(self) -> Block:
        return Block(IPv4Network(self.network))


def save(record: Record) -> None:
    write_private(_file(), json.dumps(vars(record), indent=2))


def load() -> Record | None:
    return Record(**json.loads(_file().read_text())) if _file().exists() else None


def running() -> Cluster | None:
    """The cluster, if every one of its processes lives and the API server answers."""
    record = load()
    if record is None:
        return None
    processes = ProcessFolder(node_state()).records()
    if not processes or not all(process.alive() for process in processes):
        return None
    return record.cluster if _api(record.block, node_state() / "credentials").ready() else None


def _file() -> Path:
    return node_state() / "cluster.json"


def _api(block: Block, folder: Path) -> ApiServer:
    client = Certificate(folder / "bootstrap.crt", folder / "bootstrap.key")
    return ApiServer(str(block.bridge), API_PORT, folder / "cluster-ca.crt", client)
