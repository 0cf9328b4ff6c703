"""The cluster by way of kubectl, so that whatever a user has set up to log in works here too."""

import argparse
import json
import queue
import shlex
import shutil
import subprocess
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import NamedTuple, Self

from cms_operator.api.objects import Object
from cms_operator.api.resource import GROUP, PLURAL

RESOURCE = f"{PLURAL}.{GROUP}"
# Flux takes out what Git lacks of managers that begin with kubectl.
MANAGER = "headlesscms"
_FORBIDDEN = "(Forbidden)"  # the reason, as kubectl writes it
_GONE = 410


class KubectlError(Exception):
    """kubectl's own words. `ended` tells that it was the server that ended a watch."""

    def __init__(self, message: str, *, ended: bool = False) -> None:
        super().__init__(message)
        self.ended = ended


class ForbiddenError(KubectlError):
    """The user lacks the rights for it."""


@dataclass(frozen=True, slots=True)
class Kubectl:
    """`flags` say which cluster and namespace."""

    flags: tuple[str, ...] = ()

    @classmethod
    def of(cls, options: argparse.Namespace) -> "Kubectl":
        """The cluster and namespace that the command line names."""
        given = {name: getattr(options, name) for name in ("namespace", "context", "kubeconfig")}
        return cls(tuple(f"--{name}={value}" for name, value in given.items() if value))

    def get(self, *arguments: str) -> Object:
        """Raises KubectlError."""
        found: Object = json.loads(self._run("get", *arguments, "-o", "json"))
        return found

    def annotate(self, name: str, annotations: Mapping[str, str | None]) -> None:
        """None takes one out. Raises KubectlError."""
        pairs = [
            f"{key}-" if value is None else f"{key}={value}" for key, value in annotations.items()
        ]
        self._run("annotate", RESOURCE, name, "--overwrite", f"--field-manager={MANAGER}", *pairs)

    def shown(self, *arguments: str) -> str:
        """A command as one would type it, for the same cluster and namespace."""
        return shlex.join(["kubectl", *self.flags, *arguments])

    def watch(self, *commands: Sequence[str]) -> "Watch":
        shared = ("--watch", "--output-watch-events", "-o", "json")
        return Watch([self._command("get", *command, *shared) for command in commands])

    def _command(self, *arguments: str) -> list[str]:
        program = shutil.which("kubectl")
        if program is None:
            raise KubectlError("kubectl is not on the PATH")
        return [program, *self.flags, *arguments]

    def _run(self, *arguments: str) -> str:
        done = subprocess.run(  # noqa: S603  - kubectl with arguments, no shell
            self._command(*arguments), capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            words = done.stderr.strip() or f"kubectl has ended with {done.returncode}"
            raise (ForbiddenError if _FORBIDDEN in words else KubectlError)(words)
        return done.stdout


class Event(NamedTuple):
    type: str
    object: Object


class Watch:
    """Several watches as one stream of events; the first that ends ends it."""

    def __init__(self, commands: Iterable[list[str]]) -> None:
        self._commands = list(commands)
        self._found: queue.SimpleQueue[Event | KubectlError] = queue.SimpleQueue()
        self._processes: list[subprocess.Popen[str]] = []

    def __enter__(self) -> Self:
        for command in self._commands:
            process = subprocess.Popen(  # noqa: S603  - kubectl with arguments, no shell
                command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
            )
            self._processes.append(process)
            threading.Thread(target=self._read, args=(process,), daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            process.wait()

    def next(self, seconds: float | None) -> Event | None:
        """Wait so long for an event. Raises KubectlError when a watch has ended."""
        try:
            found = self._found.get(timeout=seconds)
        except queue.Empty:
            return None
        if isinstance(found, KubectlError):
            raise found
        return found

    def _read(self, process: subprocess.Popen[str]) -> None:
        if process.stdout is None or process.stderr is None:
            raise AssertionError("both are pipes")
        with process.stdout, process.stderr:
            for line in process.stdout:  # kubectl writes each event as a line of JSON
                event = json.loads(line)
                if event["type"] == "ERROR":
                    self._found.put(_error(event["object"]))
                    return
                self._found.put(Event(event["type"], event["object"]))
            words = process.stderr.read().strip()
        self._found.put(KubectlError(words or "the watch has ended", ended=process.wait() == 0))


def _error(status: Object) -> KubectlError:
    """The error that ends a watch: only one whose version is too old by now is begun anew."""
    words = status.get("message") or "the server has given up the watch"
    return KubectlError(words, ended=status.get("code") == _GONE)
