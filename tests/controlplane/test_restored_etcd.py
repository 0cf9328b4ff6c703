"""A cluster's database is put back to what it was yesterday."""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from localcluster import controlplane
from localcluster.controlplane import ControlPlane
from localcluster.processes import ProcessFolder
from tests.controlplane.api import Api
from tests.controlplane.operator_process import OperatorProcess, install, is_stamped
from tests.controlplane.team import Team, eventually

PROGRAMS = ("etcd", "kube-apiserver")


class Database:
    """Etcd's files. The API server, which keeps a copy of what is in them, stops with it."""

    def __init__(self, control_plane: ControlPlane, backup: Path) -> None:
        self._control_plane = control_plane
        self._files = (control_plane.folder / "etcd").resolve()
        self._backup = backup

    def back_up(self) -> None:
        with self._stopped():
            shutil.copytree(self._files, self._backup)

    def restore(self) -> None:
        with self._stopped():
            for part in self._files.iterdir():
                shutil.rmtree(part)
            shutil.copytree(self._backup, self._files, dirs_exist_ok=True)

    @contextmanager
    def _stopped(self) -> Iterator[None]:
        processes = ProcessFolder(self._control_plane.folder)
        commands = {
            record.name: Path(f"/proc/{record.pid}/cmdline").read_text().rstrip("\0").split("\0")
            for record in processes.records()
        }
        processes.stop(PROGRAMS)
        yield
        for name in PROGRAMS:
            self._control_plane.spawn(name, commands[name])
        api = Api(self._control_plane.kubeconfig)
        eventually(lambda: is_ready(api), "the API server is ready")


def is_ready(api: Api) -> bool:
    try:
        return is_stamped(api)
    except OSError:
        return False


def replicas(team: Team) -> list[int]:
    return [found["spec"]["replicas"] for found in team.all("deployment")]


def test_an_operator_that_knows_more_than_the_restored_server_begins_anew(tmp_path: Path) -> None:
    with controlplane.start("restored") as control_plane, ExitStack() as ending:
        install(control_plane)
        team = Team(control_plane, Api(control_plane.kubeconfig), "team")
        team.create()
        often = {"HCMS_RESYNC_SECONDS": "10"}
        operator = OperatorProcess(control_plane, tmp_path / "operator.log", environment=often)
        database = Database(control_plane, tmp_path / "backup")
        operator.start()
        ending.callback(operator.stop)
        team.make(replicas=1)
        team.wait_until_ready()
        database.back_up()
        team.make(replicas=2)
        eventually(lambda: replicas(team) == [2], "it is scaled")
        database.restore()
        assert replicas(team) == [1]
        eventually(lambda: not operator.is_running(), "the operator ends")
        assert "restore of etcd" in operator.log.read_text()
        operator.start()
        team.make(replicas=3)
        eventually(lambda: replicas(team) == [3], "it follows what there is now")
