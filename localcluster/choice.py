"""Which kind of cluster fits this machine; pure."""

from dataclasses import dataclass

from localcluster.errors import ClusterError, NoClusterError
from localcluster.privilege import ROOT

CHOICES = ("auto", "existing", "kind", "node")


@dataclass(frozen=True)
class Offer:
    """What the machine has that decides."""

    engine: str | None
    linux: bool
    root: bool
    apt: bool


def choose(wanted: str, offer: Offer) -> str:
    if wanted not in CHOICES:
        raise ClusterError(
            f"CLUSTER={wanted} is not known", cure=f"use one of {', '.join(CHOICES)}"
        )
    if wanted == "existing":
        return wanted
    if wanted == "kind" and offer.engine is None:
        raise NoClusterError(
            "kind needs a Docker or Podman engine, and none answers",
            cure="start the engine, or use CLUSTER=node or CLUSTER=existing",
        )
    if wanted == "kind" or (wanted == "auto" and offer.engine is not None):
        return "kind"
    if lacking := node_lacks(offer):
        raise NoClusterError(
            f"no container engine answers, and a node of its own needs {', '.join(lacking)}",
            cure="start Docker or Podman, or name a cluster with CLUSTER=existing KUBECONTEXT=...",
        )
    return "node"


def node_lacks(offer: Offer) -> list[str]:
    needs = {"Linux": offer.linux, ROOT: offer.root, "apt-get": offer.apt}
    return [name for name, there in needs.items() if not there]
