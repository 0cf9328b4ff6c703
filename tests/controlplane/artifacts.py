"""What a failure leaves for those who look into it."""

import shutil
from pathlib import Path

from localcluster.controlplane import ControlPlane
from localcluster.errors import ClusterError

KINDS = (
    "headlesscmses,deployments,replicasets,pods,jobs,controllerrevisions,configmaps,services,"
    "endpointslices,ingresses,networkpolicies,hpa,pdb,resourcequotas,events"
)


def keep(folder: Path, control_plane: ControlPlane | None, namespace: str | None) -> None:
    """The objects of one namespace, or of all, and the logs; only what is still there."""
    if control_plane is None or folder.exists():
        return  # the first failure of a test tells more than that of its clearing up
    folder.mkdir(parents=True)
    (folder / "objects.yaml").write_text(_objects(control_plane, namespace))
    if control_plane.logs.is_dir():
        shutil.copytree(control_plane.logs, folder / "logs")


def _objects(control_plane: ControlPlane, namespace: str | None) -> str:
    where = ("-n", namespace) if namespace else ("--all-namespaces",)
    try:
        return control_plane.kubectl("get", KINDS, *where, "-o", "yaml")
    except ClusterError as error:
        return f"# {error}\n"


def keep_log(folder: Path, error: BaseException | None) -> None:
    """Keep the log of a control plane that did not start."""
    if isinstance(error, ClusterError) and error.log is not None and error.log.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(error.log, folder)
