# ruff: noqa: S603 - the arguments are our own
"""The service as it runs in a pod: a process of its own with two ports."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from tests.service.servers import wait_until
from tests.support import log_lines
from tests.support.ports import free_port

REPOSITORY = Path(__file__).parents[2]
SERVE = ("cms_service", "serve")


def run_cms(*arguments: str, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "cms_service", *arguments],
        env=_environment(environment),
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


class ServeProcess:
    def __init__(
        self,
        environment: Mapping[str, str],
        log: Path,
        port: int | None = None,
        under: Sequence[str] = (),
    ) -> None:
        """`under` is a program that becomes the service, such as prlimit."""
        self.port, self.admin_port = port or free_port(), free_port()
        ports = {"PORT": str(self.port), "ADMIN_PORT": str(self.admin_port)}
        self.log = log
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                [*under, sys.executable, "-m", *SERVE],
                env=_environment({**environment, **ports}),
                cwd=REPOSITORY,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        return self._process.pid

    def admin(self, path: str) -> httpx.Response:
        return httpx.get(f"http://127.0.0.1:{self.admin_port}{path}", timeout=30)

    def is_ready(self) -> bool:
        try:
            return self.admin("/readyz").status_code == 200
        except httpx.TransportError:
            return False

    def wait_until_ready(self) -> Self:
        wait_until(self.is_ready, f"not ready: {self.log.read_text()}")
        return self

    def terminate(self) -> None:
        self._process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self._process.kill()

    def freeze(self) -> None:
        """Takes connections, and answers nothing."""
        self._process.send_signal(signal.SIGSTOP)

    def wait(self) -> int:
        return self._process.wait(timeout=60)

    def is_running(self) -> bool:
        return self._process.poll() is None

    def peak_memory(self) -> int:
        """The most bytes that were resident since its start."""
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) * 1024  # type: ignore[index]

    def log_lines(self) -> list[dict[str, Any]]:
        """Each as docs/logs.md promises."""
        return log_lines.read(self.log.read_text().splitlines())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        if self.is_running():
            self._process.kill()
        self._process.wait()


def _environment(own: Mapping[str, str]) -> dict[str, str]:
    """Nothing of the tests' own environment but what Python needs."""
    return {"PATH": os.environ["PATH"], "PYTHONUNBUFFERED": "1", **own}
