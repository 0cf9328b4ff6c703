"""A cluster that the user names."""

from pathlib import Path

from localcluster import binaries
from localcluster.cluster import Cluster
from localcluster.errors import ClusterError
from localcluster.paths import private_folder, state_home, write_private
from localcluster.progress import Progress
from localcluster.shell import run

PROVIDER = "existing"


def up(context: str, progress: Progress) -> Cluster:
    if not context:
        raise ClusterError(
            "CLUSTER=existing needs the name of a context",
            cure="KUBECONTEXT=<one of `kubectl config get-contexts`>",
        )
    programs = binaries.ensure(binaries.TOOLS, progress)
    kubectl = str(programs / "kubectl")
    try:
        cluster = Cluster(PROVIDER, _kubeconfig(kubectl, context), programs)
        run((kubectl, "--kubeconfig", str(cluster.kubeconfig), "version"))
    except ClusterError as error:
        cure = f"see that `kubectl --context {context} version` answers"
        raise ClusterError(error.message, log=error.log, cure=cure) from None
    return cluster


def _kubeconfig(kubectl: str, context: str) -> Path:
    """A copy that holds this one context, so that a change of the current one is harmless."""
    view = ("config", "view", "--minify", "--flatten", "--raw", "--context", context)
    text = run((kubectl, *view))
    return write_private(private_folder(state_home() / PROVIDER) / "kubeconfig", text)
