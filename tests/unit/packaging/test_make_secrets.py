"""Secrets outside Kubernetes are made whole, or not at all."""

import shutil
import subprocess
from pathlib import Path

from tests.support.compose_files import DEPLOY

SCRIPT = DEPLOY / "make-secrets.sh"
NEEDED = ("sh", "dirname", "mkdir", "chmod", "cat", "mv", "rm", "cut")


def make(folder: Path, programs: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(  # noqa: S603  - our own script
        [str(SCRIPT), str(folder)],
        env={"PATH": str(programs)},
        text=True,
        capture_output=True,
        check=False,
    )


def programs(folder: Path, *names: str) -> Path:
    folder.mkdir()
    for name in names:
        found = shutil.which(name)
        assert found, name
        (folder / name).symlink_to(found)
    return folder


def failing_openssl(folder: Path) -> Path:
    found = programs(folder, *NEEDED)
    (found / "openssl").write_text("#!/bin/sh\nexit 1\n")
    (found / "openssl").chmod(0o755)
    return found


def made(folder: Path) -> dict[str, str]:
    return {file.name: file.read_text() for file in folder.iterdir()}


def test_without_openssl_nothing_is_made_and_the_cause_is_named(tmp_path: Path) -> None:
    done = make(tmp_path / "secrets", programs(tmp_path / "bin", *NEEDED))
    assert done.returncode == 1
    assert "openssl" in done.stderr
    assert not (tmp_path / "secrets").exists()


def test_a_password_that_cannot_be_made_leaves_no_empty_file(tmp_path: Path) -> None:
    done = make(tmp_path / "secrets", failing_openssl(tmp_path / "bin"))
    assert done.returncode != 0
    assert made(tmp_path / "secrets") == {}


def test_what_was_left_out_is_made_the_next_time_and_nothing_anew(tmp_path: Path) -> None:
    whole = programs(tmp_path / "bin", *NEEDED, "openssl")
    assert make(tmp_path / "secrets", whole).returncode == 0
    before = made(tmp_path / "secrets")
    assert all(before.values())
    (tmp_path / "secrets" / "owner-password").unlink()
    (tmp_path / "secrets" / "service-password").unlink()
    (tmp_path / "secrets" / "service-password").touch(0o444)
    assert make(tmp_path / "secrets", whole).returncode == 0
    after = made(tmp_path / "secrets")
    changed = {name for name in after if after[name] != before[name]}
    assert changed == {"owner-password", "service-password"}
    assert all(after.values())
