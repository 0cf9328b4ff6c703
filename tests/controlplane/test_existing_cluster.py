"""`make cluster` with a cluster that the user names; here it is the control plane."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from localcluster.controlplane import DEFAULT_NODES, ControlPlane
from tests.support.charts import REPOSITORY

ELSEWHERE = {"name": "elsewhere", "cluster": {"server": "https://127.0.0.1:1"}}


class User:
    """Whose current context is another cluster, which does not answer."""

    def __init__(self, control_plane: ControlPlane, home: Path) -> None:
        config = json.loads(control_plane.kubeconfig.read_text())
        (mine,) = config["contexts"]
        mine["name"] = "mine"
        elsewhere = {"cluster": "elsewhere", "user": mine["context"]["user"]}
        config["clusters"].append(ELSEWHERE)
        config["contexts"].append({"name": "elsewhere", "context": elsewhere})
        config["current-context"] = "elsewhere"
        self.kubeconfig = home / "config"
        self.kubeconfig.write_text(json.dumps(config))
        self._home = home

    def localcluster(self, command: str, context: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(  # noqa: S603  - the project's own command, no shell
            [sys.executable, "-m", "localcluster", command],
            env={
                **os.environ,
                "CLUSTER": "existing",
                "KUBECONTEXT": context,
                "KUBECONFIG": str(self.kubeconfig),
                "XDG_STATE_HOME": str(self._home),
            },
            cwd=REPOSITORY,
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture
def user(control_plane: ControlPlane, tmp_path: Path) -> User:
    return User(control_plane, tmp_path)


def test_the_cluster_that_the_user_names_is_the_one(
    user: User, control_plane: ControlPlane
) -> None:
    before = user.kubeconfig.read_text()
    up = user.localcluster("up", "mine")
    assert up.returncode == 0, up.stderr
    copy = user.localcluster("kubeconfig", "").stdout.strip()
    assert f"export KUBECONFIG={copy} " in up.stdout
    kubectl = str(control_plane.binaries / "kubectl")
    nodes = subprocess.run(  # noqa: S603  - kubectl of this project, no shell
        [kubectl, "--kubeconfig", copy, "get", "nodes", "-o", "name"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert len(nodes.stdout.split()) == DEFAULT_NODES
    assert "elsewhere" not in Path(copy).read_text()
    assert user.localcluster("status", "").stdout.startswith(f"existing: {copy}\n")
    assert user.kubeconfig.read_text() == before


@pytest.mark.parametrize(
    ("context", "words"),
    [
        ("", "CLUSTER=existing needs the name of a context"),
        ("neverland", "kubectl --context neverland"),
        ("elsewhere", "127.0.0.1:1"),
    ],
    ids=["no context", "unknown", "does not answer"],
)
def test_a_cluster_that_cannot_be_had_is_an_error_and_not_remembered(
    user: User, context: str, words: str
) -> None:
    up = user.localcluster("up", context)
    assert up.returncode == 1
    assert "error: " in up.stderr
    assert words in up.stderr
    assert user.localcluster("status", "").stdout == "no cluster\n"
