"""A cluster's database is put back to what it was yesterday."""

import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from localcluster import controlplane
from localcluster.controlplane import ControlPlane
from localcluster.processes import ProcessFolder
from tests.controlplane.api import Api
from tests.controlplane.operator_process import OperatorProcess, install, is_stamped
from tests.controlplane.replicas import Replicas, forget
from tests.controlplane.team import LONG_PATIENCE, Team, eventually

OTHERS_WRITES = 1000
LISTS = 'hcms_operator_resyncs_total{outcome="success"}'
# Less than the two minutes after which a watch begins anew without a reason.
END_SECONDS = 110
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
        eventually(lambda: is_ready(api), "the API server is ready", LONG_PATIENCE)


def is_ready(api: Api) -> bool:
    try:
        return is_stamped(api)
    except OSError:
        return False


def sizes(team: Team) -> list[int]:
    return [found["spec"]["replicas"] for found in team.all("deployment")]


def write_elsewhere(team: Team) -> None:
    """What raises the server's version, far above what it writes itself as it starts."""
    for number in range(OTHERS_WRITES):
        team.write_secret("somebodys", {"number": str(number)}, watched=False)


@pytest.fixture(scope="module")
def restorable() -> Iterator[ControlPlane]:
    with controlplane.start("restored") as control_plane:
        install(control_plane)
        yield control_plane


@pytest.fixture
def team(restorable: ControlPlane) -> Iterator[Team]:
    made = Team(restorable, Api(restorable.kubeconfig), f"team-{secrets.token_hex(3)}")
    made.create()
    yield made
    made.remove()


@pytest.fixture
def database(restorable: ControlPlane, tmp_path: Path) -> Database:
    return Database(restorable, tmp_path / "backup")


@pytest.fixture
def operator(restorable: ControlPlane, tmp_path: Path) -> Iterator[OperatorProcess]:
    often = {"HCMS_RESYNC_SECONDS": "10"}
    made = OperatorProcess(restorable, tmp_path / "operator.log", environment=often)
    yield made
    made.stop()


@pytest.fixture
def replicas(restorable: ControlPlane, team: Team, tmp_path: Path) -> Iterator[Replicas]:
    pattern = OperatorProcess(restorable, tmp_path / "operator.log")
    made = Replicas(pattern, team.api)
    yield made
    made.stop()
    forget(team.api)


def any_runs(replicas: Replicas) -> bool:
    return any(process.is_running() for process in replicas.running)


def scale(team: Team, replicas: int) -> None:
    team.make(replicas=replicas)
    eventually(lambda: sizes(team) == [replicas], "it is scaled")


def test_an_operator_that_knows_more_than_the_restored_server_begins_anew(
    team: Team, database: Database, operator: OperatorProcess
) -> None:
    operator.start()
    team.make(replicas=1)
    team.wait_until_ready()
    database.back_up()
    scale(team, 2)
    database.restore()
    assert sizes(team) == [1]
    eventually(lambda: not operator.is_running(), "the operator ends", END_SECONDS)
    assert "restore of etcd" in operator.log.read_text()
    operator.start()
    scale(team, 3)


def test_an_operator_whose_fleet_was_quiet_in_the_lost_time_begins_anew(
    team: Team, database: Database, operator: OperatorProcess
) -> None:
    """Else no watch would tell of a change until the server has counted up to where it was."""
    operator.start()
    scale(team, 1)
    team.wait_until_ready()
    database.back_up()
    write_elsewhere(team)
    lists = operator.metric(LISTS)
    eventually(lambda: operator.metric(LISTS) > lists + 1, "it has listed since then")
    database.restore()
    eventually(lambda: not operator.is_running(), "the operator ends", END_SECONDS)
    assert "restore of etcd" in operator.log.read_text()
    operator.start()
    scale(team, 2)


def test_replicas_that_a_restore_leaves_with_a_newer_lease_begin_anew(
    team: Team, database: Database, replicas: Replicas
) -> None:
    """Nothing of the fleet has changed in the lost time, and no list comes soon."""
    replicas.lead()
    replicas.start()
    scale(team, 1)
    team.wait_until_ready()
    database.back_up()
    eventually(replicas.leaders, "one leads")
    write_elsewhere(team)
    database.restore()
    eventually(lambda: not any_runs(replicas), "both operators end", END_SECONDS)
    for process in replicas.running:
        assert "restore of etcd" in process.log.read_text()
    replicas.running.clear()
    replicas.start()
    replicas.start()
    eventually(replicas.leaders, "one leads")
    scale(team, 2)
