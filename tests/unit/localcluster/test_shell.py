"""A program that fails: its own words, the log that has them all, and the likely cure."""

from pathlib import Path

import pytest

from localcluster.errors import ClusterError
from localcluster.shell import CURE, run


@pytest.fixture(autouse=True)
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path


def program(folder: Path, name: str) -> str:
    path = folder / name
    path.write_text("#!/bin/sh\necho working\necho no space left on device >&2\nexit 3\n")
    path.chmod(0o755)
    return str(path)


@pytest.mark.parametrize(
    ("name", "cure"),
    [
        ("buildah", "rmi --prune"),
        ("go", "GOPROXY"),
        ("helm", "get events"),
        ("ip", "CAP_NET_ADMIN"),
        ("kubectl", "API server"),
        ("another", CURE),
    ],
)
def test_a_failure_has_the_programs_words_a_log_and_a_cure(
    tmp_path: Path, name: str, cure: str
) -> None:
    with pytest.raises(ClusterError) as caught:
        run((program(tmp_path, name), "do", "it"))
    error = caught.value
    assert "failed (3): no space left on device" in error.message
    assert error.log is not None
    assert error.log.read_text().splitlines()[1:] == ["working", "no space left on device"]
    assert error.log.stat().st_mode & 0o077 == 0, "it may have printed a credential"
    assert cure in str(error)


def test_a_program_that_is_not_there_is_named() -> None:
    with pytest.raises(ClusterError, match="no-such-program is not installed") as caught:
        run(("no-such-program",))
    assert caught.value.cure == CURE


def test_what_it_says_without_end_is_cut(tmp_path: Path) -> None:
    path = tmp_path / "endless"
    path.write_text("#!/bin/sh\nhead -c 100000 /dev/zero | tr '\\0' x >&2\nexit 1\n")
    path.chmod(0o755)
    with pytest.raises(ClusterError) as caught:
        run((str(path),))
    assert len(caught.value.message) < 3000
