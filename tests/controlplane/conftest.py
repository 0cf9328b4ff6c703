"""A real API server with real controllers and fake nodes, and the operator beside it.

Each process of pytest-xdist has them for itself.
"""

import os
import secrets
import shutil
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from localcluster import controlplane
from localcluster.controlplane import ControlPlane
from localcluster.errors import ClusterError
from tests.controlplane import records
from tests.controlplane.api import Api
from tests.controlplane.audit import AuditLog
from tests.controlplane.operator_process import OperatorProcess, install
from tests.controlplane.team import Team

WORKER = os.environ.get("PYTEST_XDIST_WORKER", "alone")
RECORD = records.FOLDER / WORKER
STAGES = Path(__file__).parent / "stages"


@pytest.fixture(scope="session")
def control_plane() -> Iterator[ControlPlane]:
    try:
        started = controlplane.start(f"tests-{WORKER}", stages=sorted(STAGES.glob("*.yaml")))
    except ClusterError as error:
        if os.environ.get("HCMS_REQUIRE_CLUSTER") == "1":
            raise
        pytest.skip(f"no control plane can be had here: {error.message}")
    with started:
        yield started


@pytest.fixture(scope="session")
def installed(control_plane: ControlPlane) -> ControlPlane:
    """The CRD and the rights, just as the chart grants them."""
    install(control_plane)
    return control_plane


@pytest.fixture(scope="session")
def operator(installed: ControlPlane, request: pytest.FixtureRequest) -> Iterator[OperatorProcess]:
    """One operator for all tests; a test that stops it starts it again."""
    shutil.rmtree(RECORD, ignore_errors=True)
    process = OperatorProcess(installed, RECORD / "operator.log")
    process.start()
    yield process
    process.stop()
    ran = request.session.stash[_RAN]
    records.write(RECORD, ran, AuditLog(installed.audit_log).since(0))


_RAN = pytest.StashKey[set[str]]()


def pytest_sessionstart(session: pytest.Session) -> None:
    session.stash[_RAN] = set()


def pytest_runtest_setup(item: pytest.Item) -> None:
    item.session.stash[_RAN].add(item.path.name)


@pytest.fixture(scope="session")
def api(control_plane: ControlPlane) -> Api:
    return Api(control_plane.kubeconfig)


@pytest.fixture
def team(control_plane: ControlPlane, api: Api, operator: OperatorProcess) -> Iterator[Team]:
    """A namespace of one's own, with a source Secret in it."""
    if not operator.is_running():  # a test that failed has left it so
        operator.start()
    made = Team(control_plane, api, f"team-{secrets.token_hex(3)}")
    made.create()
    yield made
    made.remove()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    team = getattr(item, "funcargs", {}).get("team")
    if report.when == "call" and report.failed and isinstance(team, Team):
        folder = RECORD / item.name[:100]
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "objects.yaml").write_text(team.dump())
        shutil.copytree(team.control_plane.logs, folder / "logs", dirs_exist_ok=True)
    return report
