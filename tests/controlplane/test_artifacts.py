"""What a failed test leaves for those who look into it."""

from pathlib import Path

import yaml

from localcluster.controlplane import ControlPlane
from tests.controlplane import artifacts
from tests.controlplane.team import Team


def test_objects_and_logs_are_kept_of_one_namespace_or_of_all(
    team: Team, control_plane: ControlPlane, tmp_path: Path
) -> None:
    route = {"host": "cms.example.com", "ingress": {"className": "nginx"}}
    team.make(replicas=1, route=route)
    team.wait_until_ready()
    for folder, namespace in ((tmp_path / "one", team.namespace), (tmp_path / "all", None)):
        artifacts.keep(folder, control_plane, namespace)
        kept = yaml.safe_load((folder / "objects.yaml").read_text())["items"]
        kinds = {"HeadlessCMS", "Deployment", "ReplicaSet", "Pod", "Ingress", "NetworkPolicy"}
        assert kinds <= {found["kind"] for found in kept}
        assert list((folder / "logs").iterdir())


def test_the_first_failure_of_a_test_is_what_is_kept(
    control_plane: ControlPlane, tmp_path: Path
) -> None:
    folder = tmp_path / "failed"
    artifacts.keep(folder, control_plane, "default")
    (folder / "objects.yaml").write_text("of the first failure")
    artifacts.keep(folder, control_plane, None)
    assert (folder / "objects.yaml").read_text() == "of the first failure"


def test_without_a_control_plane_there_is_nothing_to_keep(tmp_path: Path) -> None:
    artifacts.keep(tmp_path / "failed", None, None)
    assert not (tmp_path / "failed").exists()
