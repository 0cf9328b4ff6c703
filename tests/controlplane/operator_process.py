"""The operator as a process, with the rights that its chart grants and no others."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from cms_operator.cluster.kinds import HEADLESS_CMS
from localcluster import binaries
from localcluster.controlplane import ControlPlane
from localcluster.progress import Progress
from tests.controlplane.api import Api, RefusedError
from tests.controlplane.team import eventually
from tests.support.charts import REPOSITORY, Chart, of_kind, the

USER = "headlesscms-operator"
START_SECONDS = 60
STOP_SECONDS = 30


def install(control_plane: ControlPlane) -> None:
    """Apply the CRD and the chart's roles, bound to the operator's user."""
    control_plane.kubectl("apply", "--server-side", "-f", str(REPOSITORY / "crds"))
    api = Api(control_plane.kubeconfig)
    eventually(lambda: is_served(api), "the API server serves HeadlessCMS objects")
    programs = binaries.ensure((*binaries.CONTROL_PLANE, "helm"), Progress())
    chart = Chart(programs / "helm", "headlesscms-operator")
    objects = chart.render()
    for role in of_kind(objects, "ClusterRole"):
        control_plane.kubectl("apply", "-f", "-", stdin=json.dumps(role))
    # As the chart binds it, but to a user of the outside.
    binding = the(objects, "ClusterRoleBinding")
    user = {"kind": "User", "name": USER, "apiGroup": "rbac.authorization.k8s.io"}
    control_plane.kubectl("apply", "-f", "-", stdin=json.dumps(binding | {"subjects": [user]}))


def is_served(api: Api) -> bool:
    try:
        api.request("GET", HEADLESS_CMS.path(None))
    except RefusedError:
        return False
    return True


class OperatorProcess:
    def __init__(
        self, control_plane: ControlPlane, log: Path, source: Path = REPOSITORY / "operator"
    ) -> None:
        self._control_plane = control_plane
        self.log = log
        self._source = source
        self._process: subprocess.Popen[bytes] | None = None
        self.port = 0

    def start(self) -> None:
        """Return when it is ready: it has read all that is there. Raises AssertionError."""
        self.port = _free_port()
        self.log.parent.mkdir(parents=True, exist_ok=True)
        environment = {
            **os.environ,
            "KUBECONFIG": str(self._control_plane.operator_kubeconfig),
            "PYTHONPATH": str(self._source),
            "HCMS_HEALTH_PORT": str(self.port),
            "HCMS_LOG_FORMAT": "plain",
        }
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "cms_operator"], stderr=log, stdout=log, env=environment
            )
        deadline = time.monotonic() + START_SECONDS
        while not self._answers("/readyz"):
            assert self.is_running(), f"the operator has ended: {self.log.read_text()[-2000:]}"
            assert time.monotonic() < deadline, f"not ready: {self.log.read_text()[-2000:]}"
            time.sleep(0.1)

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def another(self, name: str, source: Path | None = None) -> "OperatorProcess":
        """One more, of the same code or of other code."""
        log = self.log.with_name(f"{name}.log")
        return OperatorProcess(self._control_plane, log, source or self._source)

    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def metrics(self) -> str:
        with urllib.request.urlopen(self._url("/metrics"), timeout=5) as answer:  # noqa: S310
            text: str = answer.read().decode()
        return text

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def _end(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(STOP_SECONDS)
            self._process = None

    def _answers(self, path: str) -> bool:
        try:
            with urllib.request.urlopen(self._url(path), timeout=1) as answer:  # noqa: S310
                return bool(answer.status == 200)
        except (urllib.error.URLError, TimeoutError, ConnectionError):
            return False

    def _url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
