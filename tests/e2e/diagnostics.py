"""What to look at when a test has failed. Secrets are left out."""

from pathlib import Path

from demo.installation import OPERATOR_NAMESPACE
from demo.tools import CommandError, Kubectl
from localcluster import gateway

KINDS = (
    "headlesscmses,deployments,replicasets,controllerrevisions,jobs,pods,services,endpointslices,"
    "configmaps,horizontalpodautoscalers,poddisruptionbudgets,networkpolicies,ingresses"
)
LOG_LINES = "2000"


def keep(kubectl: Kubectl, namespace: str, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for place in (namespace, OPERATOR_NAMESPACE, gateway.NAMESPACE):
        _write(folder / f"{place}.objects.yaml", kubectl, "get", KINDS, "-n", place, "-o", "yaml")
        _write(
            folder / f"{place}.events.txt", kubectl,
            "get", "events", "-n", place, "--sort-by=.lastTimestamp",
        )  # fmt: skip
        for pod in kubectl.items("pods", place):
            name = pod["metadata"]["name"]
            _write(
                folder / f"{place}.{name}.log", kubectl,
                "logs", "-n", place, name, "--all-containers", "--timestamps", "--tail", LOG_LINES,
            )  # fmt: skip
    _write(folder / "nodes.txt", kubectl, "describe", "nodes")


def _write(path: Path, kubectl: Kubectl, *arguments: str) -> None:
    try:
        text = kubectl(*arguments)
    except CommandError as error:
        text = str(error)
    path.write_text(text)
