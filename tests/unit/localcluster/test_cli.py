from pathlib import Path

import pytest

from localcluster import cli, current, paths
from localcluster.cluster import Cluster


@pytest.fixture(autouse=True)
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))


def test_the_kubeconfig_of_the_cluster_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    current.save(Cluster("kind", Path("/somewhere/kubeconfig"), Path("/bin")))
    assert cli.main(["kubeconfig"]) == 0
    assert capsys.readouterr().out == "/somewhere/kubeconfig\n"


def test_without_a_cluster_the_cure_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["kubeconfig"]) == 1
    assert "cure: python3 -m localcluster up" in capsys.readouterr().err


def test_status_says_that_nothing_runs(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["status"]) == 1
    assert capsys.readouterr().out == "no cluster\n"


def test_an_unknown_kind_of_cluster_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CLUSTER", "minikube")
    assert cli.main(["up"]) == 1
    assert "CLUSTER=minikube is not known" in capsys.readouterr().err
    assert not (tmp_path / "headlesscms" / "cluster.json").exists()


@pytest.mark.parametrize("value", ["", "relative/path"])
def test_a_state_folder_that_is_no_absolute_path_is_ignored(
    value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", value)
    assert paths.state_home() == Path.home() / ".local" / "state" / "headlesscms"
