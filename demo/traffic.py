"""Load from a pod inside the cluster.

Its connections are spread over the pods by the Service, on every kind of cluster alike; a port
forwarded from outside would lead all of them to one pod.
"""

import json
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

from demo.tools import Kubectl
from demo.waiting import wait_until

POD = "load"
SCRIPT = Path(__file__).with_name("load.py")
# The script's own end, should this process vanish without closing its input.
MAX_SECONDS = 600


@dataclass(frozen=True)
class Pace:
    """`rate` is requests per second in all; 0 means as fast as the answers come."""

    connections: int
    rate: float


STEADY = Pace(connections=8, rate=40)
FULL = Pace(connections=16, rate=0)


@dataclass(frozen=True)
class Report:
    """`blamed` has the failures by the revision that answered; the `lost` ones had no answer."""

    requests: int
    failures: dict[str, int]
    lost: int
    blamed: dict[str, int]
    revisions: dict[str, int]
    milliseconds: dict[str, int]

    @classmethod
    def parse(cls, line: str) -> "Report":
        found = json.loads(line)
        return cls(**{name: found[name] for name in cls.__dataclass_fields__})

    @property
    def failed(self) -> int:
        return sum(self.failures.values())


class Traffic:
    """Requests that are running; `now` and `stop` tell what has come of them."""

    def __init__(self, process: "subprocess.Popen[str]", output: IO[str]) -> None:
        self._process = process
        self._last = Report(0, {}, 0, {}, {}, {})
        self._reader = threading.Thread(target=self._read, args=(output,), daemon=True)
        self._reader.start()

    def _read(self, output: IO[str]) -> None:
        for line in output:
            self._last = Report.parse(line)

    @property
    def now(self) -> Report:
        return self._last

    def stop(self) -> Report:
        """Let the requests under way end, and return what came of all of them."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.wait(timeout=MAX_SECONDS)
        self._reader.join()
        if self._process.returncode != 0:
            raise RuntimeError(f"the load generator ended with {self._process.returncode}")
        return self._last


@dataclass(frozen=True)
class LoadPod:
    """A pod of the CMS image, which has the Python that the generator needs."""

    kubectl: Kubectl
    namespace: str
    image: str

    def start(self) -> None:
        self.kubectl.apply(self._manifest())
        self.kubectl(
            "wait", "-n", self.namespace, f"pod/{POD}", "--for=condition=Ready", "--timeout=120s"
        )

    @contextmanager
    def send(self, url: str, pace: Pace, *headers: str) -> Iterator[Traffic]:
        """Requests run from the first answered one until stop() or the end of the block."""
        with subprocess.Popen(  # noqa: S603  - kubectl of this project, no shell
            [*self.kubectl.argv, *self._command(url, pace, headers)],
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        ) as process:
            traffic = Traffic(process, cast("IO[str]", process.stdout))
            try:
                wait_until(lambda: traffic.now.requests, 60, "the first answer to the load")
                yield traffic
            finally:
                traffic.stop()

    def _command(self, url: str, pace: Pace, headers: Sequence[str]) -> list[str]:
        return [
            "exec", "-i", "-n", self.namespace, POD, "--",
            "python", "-c", SCRIPT.read_text(), url,
            *(f"--header={header}" for header in headers),
            "--connections", str(pace.connections),
            "--rate", str(pace.rate),
            "--max-seconds", str(MAX_SECONDS),
            "--until-stdin-closes",
        ]  # fmt: skip

    def _manifest(self) -> dict[str, Any]:
        return {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": POD, "namespace": self.namespace},
            "spec": {
                "automountServiceAccountToken": False,
                "terminationGracePeriodSeconds": 1,
                "securityContext": {
                    "runAsNonRoot": True,
                    "seccompProfile": {"type": "RuntimeDefault"},
                },
                "containers": [
                    {
                        "name": POD,
                        "image": self.image,
                        "imagePullPolicy": "IfNotPresent",
                        "command": ["sleep", "infinity"],
                        "resources": {"requests": {"cpu": "50m", "memory": "64Mi"}},
                        "securityContext": {
                            "allowPrivilegeEscalation": False,
                            "readOnlyRootFilesystem": True,
                            "capabilities": {"drop": ["ALL"]},
                        },
                    }
                ],
            },
        }
