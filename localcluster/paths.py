"""Where state and caches are kept: machine-wide, so that two clones share one cluster."""

import os
import tempfile
from pathlib import Path

PACKAGE = Path(__file__).parent
REPOSITORY = PACKAGE.parent
MANIFESTS = PACKAGE / "manifests"
GO_MODULE = PACKAGE / "binaries"


def _home(variable: str, default: str) -> Path:
    base = os.environ.get(variable, "")
    # The XDG specification tells to ignore relative paths.
    root = Path(base) if base.startswith("/") else Path.home() / default
    return root / "headlesscms"


def state_home() -> Path:
    return _home("XDG_STATE_HOME", ".local/state")


def cache_home() -> Path:
    return _home("XDG_CACHE_HOME", ".cache")


def node_state() -> Path:
    return state_home() / "node"


def control_planes_state() -> Path:
    return state_home() / "controlplanes"


def log_file(name: str) -> Path:
    """A log that outlives the cluster, for what is built and installed."""
    folder = cache_home() / "logs"
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{name}.log"


def private_folder(path: Path) -> Path:
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    return path


def write_private(path: Path, text: str) -> Path:
    """Nobody else may read the file, not even for the moment of its making. It is there as a whole
    or not at all, whoever else writes it.
    """
    fd, made = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(fd, "w") as file:
            file.write(text)
        Path(made).replace(path)
    except BaseException:
        Path(made).unlink()
        raise
    return path
