"""The node's containerd."""

from pathlib import Path

from localcluster import systemimages
from localcluster.api import wait_until
from localcluster.components import Layout
from localcluster.node import config
from localcluster.node.config import Folders
from localcluster.paths import node_state
from localcluster.processes import ProcessFolder
from localcluster.shell import run, succeeds

START_SECONDS = 60.0


def start(folders: Folders, layout: Layout, processes: ProcessFolder) -> None:
    """Starts containerd and gives it the images that the cluster itself needs."""
    folders.cni.mkdir(exist_ok=True)
    (folders.cni / "10-headlesscms.conflist").write_text(config.cni(folders, layout.block))
    file = folders.state / "containerd.toml"
    file.write_text(config.containerd(folders, systemimages.name("pause", layout.binaries)))
    processes.start("containerd", ["containerd", "--config", str(file), "--log-level", "warn"])
    wait_until(
        answers,
        what="containerd answers",
        seconds=START_SECONDS,
        check=processes.require_alive,
        log=processes.log("containerd"),
    )
    for program in systemimages.PROGRAMS:
        load(systemimages.archive(program, layout.binaries))
    systemimages.prune(layout.binaries)


def ctr(*arguments: str) -> tuple[str, ...]:
    """A command of containerd's own client, on the images and containers of Kubernetes."""
    socket = str(Folders(node_state()).socket)
    return ("ctr", "--connect-timeout=2s", "--address", socket, "--namespace", "k8s.io", *arguments)


def answers() -> bool:
    return Folders(node_state()).socket.exists() and succeeds(ctr("version"))


def has(image: str) -> bool:
    return bool(run(ctr("images", "list", "--quiet", f"name=={image}")).strip())


def load(archive: Path) -> None:
    run(ctr("images", "import", str(archive)))


def tag(image: str, name: str) -> None:
    run(ctr("images", "tag", "--force", image, name))


def remove_containers() -> None:
    """Bounded: a containerd that hangs is killed afterwards anyway."""
    for kind, force in (("tasks", ("--force",)), ("containers", ())):
        for name in run(ctr(kind, "list", "--quiet")).split():
            succeeds(("timeout", "10", *ctr(kind, "delete", *force, name)))
