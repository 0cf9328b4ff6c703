"""The plugin can be had: its entry point, and what krew is given."""

import hashlib
import importlib
import subprocess
import sys
import tarfile
import tomllib
from pathlib import Path

import pytest
import yaml

from cms_operator.cli import krew
from tests.support.charts import REPOSITORY

URI = "https://downloads.example/kubectl-hcms.tar.gz"


def test_the_entry_point_is_there_and_needs_what_the_extra_has() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    module, _, name = project["scripts"]["kubectl-hcms"].partition(":")
    assert callable(getattr(importlib.import_module(module), name))
    wanted = {line.partition(">")[0] for line in project["optional-dependencies"]["plugin"]}
    assert wanted == {"pydantic", "PyYAML"}


def test_the_committed_manifest_invents_nothing() -> None:
    found = yaml.safe_load((REPOSITORY / krew.MANIFEST).read_text())
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    assert found["spec"]["version"] == f"v{project['version']}"
    for platform in found["spec"]["platforms"]:
        assert platform.keys().isdisjoint({"uri", "sha256"})


def test_the_archive_is_the_one_of_the_manifest_and_runs(tmp_path: Path) -> None:
    made = tmp_path / "dist"
    assert krew.main(["--uri", URI, "--root", str(REPOSITORY), "--output", str(made)]) == 0
    packed = (made / "kubectl-hcms.tar.gz").read_bytes()
    assert packed == krew.archive(REPOSITORY), "made again, it is the same"
    (platform,) = yaml.safe_load((made / "hcms.yaml").read_text())["spec"]["platforms"]
    assert (platform["uri"], platform["sha256"]) == (URI, hashlib.sha256(packed).hexdigest())

    with tarfile.open(made / "kubectl-hcms.tar.gz") as tar:
        tar.extractall(tmp_path / "store", filter="data")
    link = tmp_path / "kubectl-hcms"
    link.symlink_to(tmp_path / "store" / platform["bin"])
    sample = str(REPOSITORY / "config/samples/minimal.yaml")
    done = subprocess.run(  # noqa: S603  - the plugin itself, no shell
        [sys.executable, str(link), "lint", sample],
        text=True, capture_output=True, check=False, cwd=tmp_path, env={},
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert "shop is valid" in done.stdout


def test_an_address_that_is_none_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        krew.main(["--uri", "kubectl-hcms.tar.gz"])
    assert "must begin with https://" in capsys.readouterr().err
