"""A real API server with real controllers and fake nodes, and the operator beside it.

Each process of pytest-xdist has them for itself.
"""

import functools
import os
import re
import secrets
import shutil
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from localcluster import binaries, controlplane, observers, program
from localcluster.controlplane import ControlPlane
from localcluster.errors import ClusterError, NoClusterError
from localcluster.progress import Progress
from tests.controlplane import artifacts, gateway, records
from tests.controlplane.api import Api
from tests.controlplane.audit import START, AuditLog
from tests.controlplane.faults import Proxied, behind_a_proxy
from tests.controlplane.kwok_stages import STAGES
from tests.controlplane.operator_process import CRDS, OperatorProcess, install
from tests.controlplane.team import Team
from tests.support import loop

WORKER = os.environ.get("PYTEST_XDIST_WORKER", "alone")
RECORD = records.FOLDER / WORKER

_RAN = pytest.StashKey[set[str]]()
_CONTROL_PLANE = pytest.StashKey[ControlPlane]()


@pytest.fixture(scope="session")
def control_plane(request: pytest.FixtureRequest) -> Iterator[ControlPlane]:
    shutil.rmtree(RECORD, ignore_errors=True)
    started = controlplane.start(f"tests-{WORKER}", stages=STAGES, crds=[CRDS])
    request.session.stash[_CONTROL_PLANE] = started
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
    process = OperatorProcess(installed, RECORD / "operator.log")
    process.start()
    yield process
    try:
        process.stop()
    finally:
        ran = request.session.stash[_RAN]
        records.write(RECORD, ran, AuditLog(installed.audit_log).since(START))


def pytest_sessionstart(session: pytest.Session) -> None:
    session.stash[_RAN] = set()


@pytest.hookimpl(wrapper=True)
def pytest_runtestloop(session: pytest.Session) -> Generator[None, object, object]:
    if loop.is_begun_by(session):
        with loop.shown(session):
            _build()
    return (yield)


def _build() -> None:
    """Takes many minutes on a machine that has no such program yet."""
    try:
        if unavailable() is None:
            binaries.ensure(binaries.CONTROL_PLANE, Progress())
            for observer in observers.ALL:  # for the unit tests of alerts and logs
                program.ensure(observer, Progress())
    except ClusterError as error:
        pytest.exit(str(error), returncode=1)


@functools.cache
def unavailable() -> NoClusterError | None:
    try:
        controlplane.prepare(Progress())
    except NoClusterError as error:
        return error
    return None


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Here and not in a fixture, so that all skipped tests make one line."""
    item.session.stash[_RAN].add(item.path.name)
    if error := unavailable():
        if os.environ.get("HCMS_REQUIRE_CLUSTER") == "1":
            raise error
        pytest.skip(f"no control plane can be had here: {error.message}")


@pytest.fixture(scope="session")
def http_route_crd() -> Path:
    return gateway.crd()


@pytest.fixture(scope="session")
def api(control_plane: ControlPlane) -> Api:
    return Api(control_plane.kubeconfig)


@pytest.fixture
def team(control_plane: ControlPlane, api: Api, operator: OperatorProcess) -> Iterator[Team]:
    """A namespace of one's own, with a source Secret in it."""
    if not operator.is_running():  # a test that failed has left it so
        operator.start()
    yield from _a_team(control_plane, api)


@pytest.fixture(scope="module")
def proxied(operator: OperatorProcess) -> Iterator[Proxied]:
    """It lists often, so that a test need not wait long for what no watch tells."""
    with behind_a_proxy(operator, "proxied-operator", resync_seconds=10) as found:
        yield found


@pytest.fixture
def proxied_team(control_plane: ControlPlane, api: Api, proxied: Proxied) -> Iterator[Team]:
    if not proxied.operator.is_running():
        proxied.operator.start()
    yield from _a_team(control_plane, api)


def _a_team(control_plane: ControlPlane, api: Api) -> Iterator[Team]:
    made = Team(control_plane, api, f"team-{secrets.token_hex(3)}")
    made.create()
    yield made
    made.remove()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Whichever of its phases has failed, and whether or not it works in a namespace."""
    report = yield
    if report.failed:
        arguments = getattr(item, "funcargs", {})
        team = arguments.get("team") or arguments.get("proxied_team")
        folder = RECORD / re.sub(r"[^\w.-]+", "-", f"{item.path.stem}-{item.name}")[:100]
        artifacts.keep(
            folder,
            item.session.stash.get(_CONTROL_PLANE, None),
            team.namespace if isinstance(team, Team) else None,
        )
        artifacts.keep_log(folder, call.excinfo and call.excinfo.value)
    return report
