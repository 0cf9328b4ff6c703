"""Running a program to its end; never by way of a shell."""

import os
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from localcluster.errors import ClusterError
from localcluster.paths import log_file, write_private
from localcluster.processes import LOG_TAIL_BYTES, tail

# Debian keeps iproute2 and nftables in folders that a user's PATH may lack.
SYSTEM_FOLDERS = "/usr/local/sbin:/usr/sbin:/sbin"
CURE = "`python3 -m localcluster doctor` names what this machine lacks"
# What most often keeps these from their work.
CURES = {
    "buildah": "often the disk is full: `buildah rmi --prune`; " + CURE,
    "docker": "see that the engine runs and that you may use it: `docker info`",
    "podman": "see that the engine runs: `podman info`",
    "go": "see that a Go module proxy can be reached (GOPROXY), and that the disk is not full",
    "helm": "`kubectl get events -A` tells what it waits for",
    "ip": "it needs root with CAP_NET_ADMIN; what was left over goes with "
    "`python3 -m localcluster down`",
    "kind": "see that the engine runs and can pull kind's node image",
    "kubectl": "see that the API server answers: `python3 -m localcluster up` starts it anew "
    "where it is gone",
    "openssl": "see that the state folder can be written and the disk is not full",
}


def extend_path() -> None:
    """Makes the system's programs reachable for this process and all that it starts."""
    path = os.environ.get("PATH", "")
    if not path.endswith(SYSTEM_FOLDERS):
        os.environ["PATH"] = f"{path}:{SYSTEM_FOLDERS}"


def run(argv: Sequence[str], stdin: str | None = None) -> str:
    """Standard output; raises ClusterError with the program's own words, all of them in a log."""
    try:
        done = subprocess.run(  # noqa: S603 - no shell
            argv, input=stdin, text=True, capture_output=True, check=False
        )
    except FileNotFoundError as error:
        raise ClusterError(f"{argv[0]} is not installed", cure=CURE) from error
    if done.returncode != 0:
        name = Path(argv[0]).name
        # What it printed before it failed may be a credential.
        log = write_private(
            log_file(f"failed-{name}"), f"{' '.join(argv)}\n{done.stdout}{done.stderr}"
        )
        raise ClusterError(
            f"{' '.join(argv[:4])} failed ({done.returncode}): {_last_words(done)}",
            log=log,
            cure=CURES.get(name, CURE),
        )
    return done.stdout


def _last_words(done: subprocess.CompletedProcess[str]) -> str:
    return (done.stderr or done.stdout).strip()[-LOG_TAIL_BYTES:]


def succeeds(argv: Sequence[str]) -> bool:
    try:
        done = subprocess.run(argv, capture_output=True, check=False)  # noqa: S603 - no shell
    except FileNotFoundError:
        return False
    return done.returncode == 0


def run_logged(
    argv: Sequence[str],
    log: Path,
    *,
    cure: str,
    on_line: Callable[[str], None] = lambda _: None,
    env: dict[str, str] | None = None,
) -> None:
    """Runs a long job; every line of its output goes to the log and to on_line."""
    with log.open("w") as out:
        process = subprocess.Popen(  # noqa: S603 - no shell
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env=dict(os.environ) | (env or {}),
        )
        with process:
            for line in process.stdout or ():
                out.write(line)
                out.flush()
                on_line(line.strip())
    if process.returncode != 0:
        raise ClusterError(
            f"{argv[0]} failed ({process.returncode}):\n{tail(log)}", log=log, cure=cure
        )
