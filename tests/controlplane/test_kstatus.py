"""Tools that judge by kstatus wait for a HeadlessCMS until it serves, an operator or not."""

import json
import subprocess
from pathlib import Path

import pytest

from localcluster import binaries
from localcluster.progress import Progress
from tests.controlplane.operator_process import OperatorProcess
from tests.controlplane.team import IMAGE, Team

CHART = {"apiVersion": "v2", "name": "site", "version": "0.1.0"}
SITE = {
    "apiVersion": "headlesscms.io/v1alpha1",
    "kind": "HeadlessCMS",
    "metadata": {"name": "{{ .Release.Name }}"},
    "spec": {"image": IMAGE, "secretName": "source", "replicas": 1},
}


@pytest.fixture
def chart(tmp_path: Path) -> Path:
    """What a platform team installs for a tenant with Helm."""
    templates = tmp_path / "site" / "templates"
    templates.mkdir(parents=True)
    (templates / "site.json").write_text(json.dumps(SITE))
    (tmp_path / "site" / "Chart.yaml").write_text(json.dumps(CHART))
    return tmp_path / "site"


def helm_waits(team: Team, name: str, chart: Path, seconds: int) -> bool:
    """Whether `helm install --wait` came to an end within that time."""
    helm = binaries.ensure((*binaries.CONTROL_PLANE, "helm"), Progress()) / "helm"
    done = subprocess.run(  # noqa: S603  - the project's own binary, no shell
        (str(helm), "install", name, str(chart), "--wait", "--timeout", f"{seconds}s",
         "--namespace", team.namespace, "--kubeconfig", str(team.control_plane.kubeconfig)),
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0 or "deadline exceeded" in done.stderr, done.stderr
    return done.returncode == 0


def test_helm_waits_for_an_operator_and_then_until_it_serves(
    team: Team, operator: OperatorProcess, chart: Path
) -> None:
    operator.stop()
    assert not helm_waits(team, "early", chart, seconds=5)
    operator.start()
    assert helm_waits(team, "shop", chart, seconds=60)
    ready = next(c for c in team.status()["conditions"] if c["type"] == "Ready")
    assert ready["status"] == "True"
