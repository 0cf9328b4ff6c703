"""Which cluster the last `up` gave."""

import json
from pathlib import Path

from localcluster.cluster import Cluster
from localcluster.node import record
from localcluster.paths import private_folder, state_home, write_private
from localcluster.shell import succeeds


def save(cluster: Cluster) -> None:
    fields = {name: str(value) for name, value in vars(cluster).items()}
    write_private(private_folder(state_home()) / "cluster.json", json.dumps(fields, indent=2))


def load() -> Cluster | None:
    file = _file()
    if not file.exists():
        return None
    fields = json.loads(file.read_text())
    return Cluster(fields["provider"], Path(fields["kubeconfig"]), Path(fields["binaries"]))


def running() -> Cluster | None:
    """The cluster, if it answers."""
    cluster = load()
    if cluster is None:
        return None
    if cluster.provider == record.PROVIDER:
        return record.running()
    kubectl = (str(cluster.binaries / "kubectl"), "--kubeconfig", str(cluster.kubeconfig))
    answers = succeeds((*kubectl, "version", "--request-timeout=10s"))
    return cluster if answers else None


def forget() -> None:
    _file().unlink(missing_ok=True)


def _file() -> Path:
    return state_home() / "cluster.json"
