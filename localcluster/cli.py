"""python3 -m localcluster: the commands."""

import argparse
import os
import sys
from collections.abc import Callable, Sequence

from localcluster import current, doctor, images, provision
from localcluster.errors import ClusterError
from localcluster.node import record
from localcluster.paths import node_state
from localcluster.processes import ProcessFolder
from localcluster.progress import Progress
from localcluster.shell import run

EPILOG = """environment:
  CLUSTER      auto (the default), existing, kind or node
  KUBECONTEXT  with CLUSTER=existing: a context of your kubeconfig"""


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python3 -m localcluster",
        description="A Kubernetes cluster for trying out and testing.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for name, (function, text) in COMMANDS.items():
        commands.add_parser(name, help=text).set_defaults(function=function)
    try:
        return int(parser.parse_args(arguments).function())
    except ClusterError as error:
        sys.stderr.write(f"\nerror: {error}\n")
        return 1
    except BrokenPipeError:
        # `| head` has read enough; Python would complain again when it flushes at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _up() -> int:
    progress = Progress()
    cluster = provision.up(progress)
    progress.say(f"the cluster is up ({cluster.provider})")
    show(f"export KUBECONFIG={cluster.kubeconfig} PATH={cluster.binaries}:$PATH")
    return 0


def _down() -> int:
    provision.down(Progress())
    return 0


def _images() -> int:
    progress = Progress()
    images.build_and_load(provision.up(progress), progress)
    for source in images.SOURCES:
        show(source.reference)
    return 0


def _status() -> int:
    cluster = provision.found()
    saved = current.load()
    if cluster is None:
        show("no cluster" if saved is None else f"the {saved.provider} cluster does not answer")
    else:
        show(f"{cluster.provider}: {cluster.kubeconfig}")
        kubectl = (str(cluster.binaries / "kubectl"), "--kubeconfig", str(cluster.kubeconfig))
        show(run((*kubectl, "get", "nodes")).rstrip())
    if saved is not None and saved.provider == record.PROVIDER:
        processes = ProcessFolder(node_state())
        for process in processes.records():
            state = "runs" if process.alive() else "ended"
            show(f"{process.name} {state} (pid {process.pid}, {processes.log(process.name)})")
    return 0 if cluster is not None else 1


def _kubeconfig() -> int:
    cluster = current.load()
    if cluster is None:
        raise ClusterError("no cluster", cure="python3 -m localcluster up")
    show(str(cluster.kubeconfig))
    return 0


def _doctor() -> int:
    report = doctor.examine()
    for line in doctor.lines(report):
        show(line)
    return 0 if report.provider is not None else 1


def show(line: str) -> None:
    sys.stdout.write(line + "\n")


COMMANDS: dict[str, tuple[Callable[[], int], str]] = {
    "up": (_up, "a running cluster; makes one where there is none"),
    "down": (_down, "remove the cluster and leave nothing behind"),
    "images": (_images, "build what changed and load it into the cluster"),
    "status": (_status, "what runs"),
    "kubeconfig": (_kubeconfig, "the path of the kubeconfig"),
    "doctor": (_doctor, "what this machine offers and lacks"),
}
