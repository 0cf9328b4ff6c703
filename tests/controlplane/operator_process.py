"""The operator as a process, with the rights that its chart grants and no others."""

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from cms_operator.cluster.kinds import HEADLESS_CMS
from localcluster import binaries
from localcluster.controlplane import ControlPlane
from localcluster.progress import Progress
from tests.controlplane.api import Api, RefusedError
from tests.controlplane.team import eventually
from tests.support.charts import NAMESPACE, REPOSITORY, STAMPING, Chart, of_kind, the
from tests.support.ports import free_port
from tests.support.specs import manifest

CRDS = REPOSITORY / "crds"
USER = "headlesscms-operator"
START_SECONDS = 180  # it may run under coverage, beside three others
STOP_SECONDS = 30
OF_THIS_PYTHON = (sys.executable, "-m")
COMMAND = (*OF_THIS_PYTHON, "cms_operator")
# Each process leaves a file of its own, for `coverage combine`; one that is killed leaves none.
MEASURED = (*OF_THIS_PYTHON, "coverage", "run", "--parallel-mode", "-m", "cms_operator")


def command() -> Sequence[str]:
    return MEASURED if os.environ.get("HCMS_COVERAGE") == "1" else COMMAND


def install(control_plane: ControlPlane) -> None:
    """Apply the CRD, the chart's roles, bound to the operator's user, and its policies."""
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
    control_plane.kubectl("apply", "-f", "-", stdin=json.dumps(namespace))
    control_plane.kubectl("apply", "--server-side", "-f", str(CRDS))
    api = Api(control_plane.kubeconfig)
    eventually(lambda: is_served(api), "the API server serves HeadlessCMS objects")
    objects = chart().render(served=[STAMPING])
    for found in objects:
        if found["kind"] in ("ClusterRole", "Role") or "AdmissionPolicy" in found["kind"]:
            control_plane.kubectl("apply", "-f", "-", stdin=json.dumps(found))
    # As the chart binds them, but to a user of the outside.
    user = {"kind": "User", "name": USER, "apiGroup": "rbac.authorization.k8s.io"}
    for binding in (the(objects, "ClusterRoleBinding"), *of_kind(objects, "RoleBinding")):
        control_plane.kubectl("apply", "-f", "-", stdin=json.dumps(binding | {"subjects": [user]}))
    eventually(lambda: is_stamped(api), "the policies know the schema of a HeadlessCMS")


def chart() -> Chart:
    programs = binaries.ensure((*binaries.CONTROL_PLANE, "helm"), Progress())
    return Chart(programs / "helm", "headlesscms-operator")


def is_served(api: Api) -> bool:
    try:
        api.request("GET", HEADLESS_CMS.path(None))
    except RefusedError:
        return False
    return True


def is_stamped(api: Api) -> bool:
    """A policy is not yet asked at first, and then refuses all until it has seen a new CRD."""
    asked = manifest()
    asked["metadata"]["annotations"] = {"headlesscms.io/pause": "now"}
    try:
        found = api.request("POST", f"{HEADLESS_CMS.path('default')}?dryRun=All", asked)
    except RefusedError:
        return False
    return "headlesscms.io/pause-by" in found["metadata"]["annotations"]


@dataclass
class OperatorProcess:
    """`environment` is what differs from the variables that every one gets."""

    control_plane: ControlPlane
    log: Path
    source: Path = REPOSITORY / "operator"
    command: Sequence[str] = field(default_factory=command)
    environment: Mapping[str, str] = field(default_factory=dict)
    port: int = field(default=0, init=False)
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    def start(self) -> None:
        """Return when it is ready: it has read all that is there.

        Raises AssertionError, and leaves nothing running then.
        """
        self.port = self.port or free_port()
        self.log.parent.mkdir(parents=True, exist_ok=True)
        environment = {
            **os.environ,
            "KUBECONFIG": str(self.control_plane.operator_kubeconfig),
            "PYTHONPATH": str(self.source),
            "HCMS_HEALTH_PORT": str(self.port),
            "HCMS_LOG_FORMAT": "plain",
            "HCMS_REQUESTS_STAMPED": "true",
            **self.environment,
        }
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603  - the operator, no shell
                self.command, stderr=log, stdout=log, env=environment
            )
        try:
            self._wait_until_ready()
        except BaseException:
            self.kill()
            raise

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not self._answers("/readyz"):
            assert self.is_running(), f"the operator has ended: {self.log.read_text()[-2000:]}"
            assert time.monotonic() < deadline, f"not ready: {self.log.read_text()[-2000:]}"
            time.sleep(0.1)

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def freeze(self) -> None:
        os.kill(self.pid, signal.SIGSTOP)

    def wake(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    def another(self, name: str, **changes: Any) -> "OperatorProcess":
        """One more, the same but for what is named here."""
        return replace(self, log=self.log.with_name(f"{name}.log"), **changes)

    @contextmanager
    def replaced_by(self, other: "OperatorProcess") -> Iterator["OperatorProcess"]:
        """`other` works in its place for so long."""
        with ExitStack() as in_the_end:
            in_the_end.callback(self.start)
            self.stop()
            in_the_end.callback(other.stop)
            other.start()
            yield other

    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def metric(self, series: str) -> float:
        """0 for a series that has not begun yet."""
        name = series.partition("{")[0]
        found = re.search(rf"^{re.escape(series)} (\S+)$", self.metrics(name), re.MULTILINE)
        return float(found[1]) if found else 0.0

    def metrics(self, *names: str) -> str:
        """All of them, or those of the given names: those of a thousand objects take a while."""
        query = urllib.parse.urlencode([("name[]", name) for name in names])
        with urllib.request.urlopen(self._url(f"/metrics?{query}"), timeout=30) as answer:  # noqa: S310
            text: str = answer.read().decode()
        return text

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def _end(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)
            try:
                self._process.wait(STOP_SECONDS)
            finally:
                self._process.kill()  # where it was too long; it has no say any more
                self._process.wait()
                self._process = None

    def _answers(self, path: str) -> bool:
        try:
            with urllib.request.urlopen(self._url(path), timeout=1) as answer:  # noqa: S310
                return bool(answer.status == 200)
        except (urllib.error.URLError, TimeoutError, ConnectionError):
            return False

    def _url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"
