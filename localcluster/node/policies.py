"""NetworkPolicies, enforced on the node for those who ask: by itself it only takes note.

kube-router is the engine, of which only the firewall runs: iptables and ipset.
"""

import re
import shutil
from ipaddress import IPv4Network
from pathlib import Path

from localcluster import debian, program
from localcluster.api import wait_until
from localcluster.errors import ClusterError
from localcluster.node import record
from localcluster.node.config import NODE_NAME
from localcluster.paths import PACKAGE, node_state, private_folder
from localcluster.pki import Identity
from localcluster.processes import ProcessFolder
from localcluster.program import Program
from localcluster.progress import Progress
from localcluster.shell import run, succeeds

MODULE = "github.com/cloudnativelabs/kube-router/v2"
ENGINE = Program("kube-router", PACKAGE / "kuberouter", f"{MODULE}/cmd/kube-router")
IDENTITY = Identity("localcluster-policy-engine")
CHAINS = ("KUBE-ROUTER-", "KUBE-POD-FW-", "KUBE-NWPLCY-")
# A rule that leads from a chain of the machine's to one of the engine's.
JUMP = re.compile(r"^-A( (?!KUBE-).*-j KUBE-ROUTER-\S+)$", re.MULTILINE)
POD_CHAIN = ":KUBE-POD-FW-"
SETS = ("KUBE-SRC-", "KUBE-DST-", "TMP-")
START_SECONDS = 60.0
RELEASE_SECONDS = 30.0


def start(progress: Progress) -> None:
    """Every NetworkPolicy of the cluster holds from here to stop().

    A pod that starts is known to the engine a second or two later: until then nothing keeps others
    from it, and it is refused where its labels should let it in.
    """
    found = record.load()
    if found is None:
        raise ClusterError("no node runs here", cure="python3 -m localcluster up")
    debian.ensure(debian.POLICIES, progress)
    built = program.ensure(ENGINE, progress)
    with progress.step("network policies"):
        stop()
        processes = ProcessFolder(private_folder(_folder()))
        kubeconfig = node_state() / "credentials" / f"{IDENTITY.user}.kubeconfig"
        processes.start(ENGINE.name, command(built, kubeconfig, found.block.services))
        wait_until(
            # The cluster's own pods are there, so that its first look has made chains.
            lambda: POD_CHAIN in _saved_rules(),
            what="kube-router enforces the policies",
            seconds=START_SECONDS,
            check=processes.require_alive,
            log=processes.log(ENGINE.name),
        )


def stop() -> None:
    """Works on what is there; does nothing where no start() was."""
    if not _folder().exists():
        return
    ProcessFolder(_folder()).stop()
    # Its own --cleanup-config leaves the firewall's rules where they are.
    rules = _saved_rules()
    if chains(rules):
        run(("iptables-restore", "--noflush"), removal(rules))
    if is_empty(_saved_rules()):
        succeeds(("nft", "delete", "table", "ip", "filter"))
    for name in run(("ipset", "list", "-name")).split():
        if name.startswith(SETS):
            _destroy(name)
    shutil.rmtree(_folder())


def _destroy(name: str) -> None:
    """The kernel lets go of a set a moment after the rules that used it are gone."""
    wait_until(
        lambda: succeeds(("ipset", "destroy", name)),
        what=f"no rule uses the set {name}",
        seconds=RELEASE_SECONDS,
    )


def command(built: Path, kubeconfig: Path, services: IPv4Network) -> list[str]:
    flags = {
        "kubeconfig": str(kubeconfig),
        "hostname-override": NODE_NAME,
        "service-cluster-ip-range": str(services),
        "run-firewall": "true",
        "run-router": "false",
        "run-service-proxy": "false",
        "run-loadbalancer": "false",
        "enable-cni": "false",
        # Both would listen on every address of the machine.
        "health-port": "0",
        "metrics-port": "0",
    }
    return [str(built), *(f"--{name}={value}" for name, value in flags.items())]


def chains(saved: str) -> list[str]:
    """The engine's, in what iptables-save has printed."""
    names = (line[1:].split()[0] for line in saved.splitlines() if line.startswith(":"))
    return [name for name in names if name.startswith(CHAINS)]


def removal(saved: str) -> str:
    """What iptables-restore has to do so that nothing but the engine's rules goes."""
    own = chains(saved)
    lines = (
        *(f":{name} - [0:0]" for name in own),  # empties it
        *(f"-D{jump}" for jump in JUMP.findall(saved)),
        *(f"-X {name}" for name in own),
    )
    return "\n".join(("*filter", *lines, "COMMIT", ""))


def is_empty(saved: str) -> bool:
    """Nothing but the chains that iptables makes by itself, as open as it makes them."""
    lines = [line for line in saved.splitlines() if not line.startswith("#")]
    return all(re.fullmatch(r"\*filter|COMMIT|:\S+ ACCEPT \[.*\]", line) for line in lines)


def _saved_rules() -> str:
    return run(("iptables-save", "--table", "filter"))


def _folder() -> Path:
    return node_state() / "policies"
