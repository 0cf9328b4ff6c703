"""A Go toolchain is one that was put there as a whole and answers."""

import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from localcluster import golang
from localcluster.progress import Progress

GOOD = "#!/bin/sh\necho go1.26.4\n"
TRUNCATED = "#!/bin/sh\necho 'go: cannot find GOROOT directory' >&2\nexit 2\n"


def program(path: Path, script: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(script)
    path.chmod(0o755)
    return path


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A module on a machine that has no Go."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setattr(golang, "succeeds", lambda _: True)
    monkeypatch.setattr(golang, "USUAL_PLACE", str(tmp_path / "go"))
    (tmp_path / "module").mkdir()
    (tmp_path / "module" / "go.mod").write_text("module m\n\ngo 1.26.0\n")
    return tmp_path / "module"


def pip_installs(monkeypatch: pytest.MonkeyPatch, script: str, *, killed: bool = False) -> None:
    def run_logged(argv: Sequence[str], *_: object, **__: object) -> None:
        folder = Path(argv[-1] if "venv" in argv else argv[0])
        if "venv" in argv:
            program(folder / "bin" / "python", "")
            return
        python = f"python{sys.version_info.major}.{sys.version_info.minor}"
        packages = folder.parents[1] / "lib" / python / "site-packages"
        program(packages / "go" / "bin" / "go", script)
        if killed:
            raise KeyboardInterrupt

    monkeypatch.setattr(golang, "run_logged", run_logged)


def test_what_pip_has_brought_is_used_again(module: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert golang.found(module) is None
    pip_installs(monkeypatch, GOOD)
    go = golang.toolchain(Progress(), module)
    assert golang.version(go) == (1, 26, 4)
    assert golang.found(module) == go


@pytest.mark.parametrize("script", [GOOD, TRUNCATED], ids=["its go answers", "its go does not"])
def test_what_pip_was_killed_over_is_no_toolchain(
    module: Path, monkeypatch: pytest.MonkeyPatch, script: str
) -> None:
    pip_installs(monkeypatch, script, killed=True)
    with pytest.raises(KeyboardInterrupt):
        golang.toolchain(Progress(), module)
    assert golang.found(module) is None
    pip_installs(monkeypatch, GOOD)
    assert golang.found(module) is None
    assert golang.version(golang.toolchain(Progress(), module)) == (1, 26, 4)


@pytest.mark.parametrize(
    "script",
    [TRUNCATED, "#!/bin/sh\necho devel\n", "#!/bin/sh\necho go1.25.9\n"],
    ids=["it does not answer", "it has no version", "it is too old"],
)
def test_a_go_of_the_machine_that_cannot_be_used_is_passed_over(
    module: Path, monkeypatch: pytest.MonkeyPatch, script: str
) -> None:
    program(Path(golang.USUAL_PLACE), script)
    assert golang.found(module) is None
    pip_installs(monkeypatch, GOOD)
    go = golang.toolchain(Progress(), module)
    assert golang.found(module) == go
