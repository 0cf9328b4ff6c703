"""Starting etcd, the API server and the controllers, in a namespace or on the host."""

from collections.abc import Callable
from typing import Any

from localcluster import components
from localcluster.api import ApiServer, wait_until
from localcluster.components import API_PORT, Flags, Layout
from localcluster.credentials import ADMIN, CONTROLLER_MANAGER, SCHEDULER
from localcluster.processes import ProcessFolder

Wrap = Callable[[list[str]], list[str]]
API_SECONDS = 180.0


def start_api_server(layout: Layout, processes: ProcessFolder, wrap: Wrap) -> ApiServer:
    layout.audit_policy.write_text(components.audit_policy())
    processes.start("etcd", wrap(components.etcd(layout)))
    processes.start("kube-apiserver", wrap(components.api_server(layout)))
    credentials = layout.credentials
    api = ApiServer(
        str(layout.address),
        API_PORT,
        credentials.cluster.certificate,
        credentials.cluster.issue("bootstrap", ADMIN),
    )
    wait_until(
        api.ready,
        what="the API server is ready",
        seconds=API_SECONDS,
        check=processes.require_alive,
        log=processes.log("kube-apiserver"),
    )
    return api


def start_controllers(
    layout: Layout, processes: ProcessFolder, wrap: Wrap, controller_flags: Flags
) -> None:
    # Not earlier: the controller manager gives up on an API server that takes 10 s.
    manager, scheduler = layout.credentials.kubeconfigs((CONTROLLER_MANAGER, SCHEDULER))
    commands = {
        "kube-controller-manager": components.controller_manager(layout, manager, controller_flags),
        "kube-scheduler": components.scheduler(layout, scheduler),
    }
    for name, argv in commands.items():
        processes.start(name, wrap(argv))


def schedulable(node: dict[str, Any]) -> bool:
    conditions = node["status"].get("conditions", [])
    ready = any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)
    return ready and not node["spec"].get("taints")
