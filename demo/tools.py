"""kubectl and helm against one cluster, and the command of the CMS."""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

COMMAND_SECONDS = 300
REPOSITORY = Path(__file__).parent.parent
# Helm's words for a release that is being changed, or whose change was killed.
_PENDING = "another operation (install/upgrade/rollback) is in progress"
_PENDING_CURE = (
    "If no other `make demo` runs, one was killed over this, and another cannot go on from it: "
    "`make demo-down`, then `make demo`."
)


class CommandError(Exception):
    """A command failed; the message is what it said on standard error."""


def _run(
    argv: Sequence[str],
    stdin: str | None = None,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> str:
    """Run in this process's environment and folder, unless others are given."""
    done = subprocess.run(  # noqa: S603  - programs of this project, no shell
        argv,
        input=stdin,
        env=environment,
        cwd=folder,
        text=True,
        capture_output=True,
        check=False,
        timeout=COMMAND_SECONDS,
    )
    if done.returncode != 0:
        words = (done.stderr or done.stdout).strip()
        raise CommandError(f"{Path(argv[0]).name} {' '.join(argv[3:6])} ...: {words}")
    return done.stdout


def cms(*arguments: str, settings: Mapping[str, str]) -> str:
    """Secrets are settings: arguments show in the process list. Raises CommandError."""
    command = [sys.executable, "-m", "cms_service", *arguments]
    return _run(command, environment=settings, folder=REPOSITORY)


@dataclass(frozen=True)
class Kubectl:
    binary: Path
    kubeconfig: Path

    @property
    def argv(self) -> list[str]:
        return [str(self.binary), "--kubeconfig", str(self.kubeconfig)]

    def __call__(self, *arguments: str, stdin: str | None = None) -> str:
        """Raises CommandError."""
        return _run([*self.argv, *arguments], stdin)

    def get(self, kind: str, name: str, namespace: str) -> dict[str, Any] | None:
        found = self("get", kind, name, "-n", namespace, "-o", "json", "--ignore-not-found")
        return json.loads(found) if found else None

    def items(self, kind: str, namespace: str, selector: str = "") -> list[dict[str, Any]]:
        found = json.loads(self("get", kind, "-n", namespace, "-l", selector, "-o", "json"))
        return list(found["items"])

    def apply(self, *manifests: Mapping[str, Any]) -> None:
        body = {"apiVersion": "v1", "kind": "List", "items": list(manifests)}
        self("apply", "-f", "-", stdin=json.dumps(body))

    def patch(self, kind: str, name: str, namespace: str, change: Mapping[str, Any]) -> Any:
        """Merge `change` into the object (RFC 7396); returns it as it is then."""
        # By standard input: a patch may hold a password, and arguments show in the process list.
        answer = self(
            "patch", kind, name, "-n", namespace, "--type=merge", "--patch-file=/dev/stdin",
            "-o", "json", stdin=json.dumps(change),
        )  # fmt: skip
        return json.loads(answer)

    @contextmanager
    def forwarded(self, service: str, namespace: str) -> Iterator[str]:
        """The address of a local port that leads to one pod of the Service."""
        arguments = ["port-forward", "-n", namespace, f"service/{service}", ":80"]
        with subprocess.Popen(  # noqa: S603  - as above
            [*self.argv, *arguments], text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as process:
            try:
                output, errors = cast("IO[str]", process.stdout), cast("IO[str]", process.stderr)
                yield f"http://{_forwarded_address(output, errors)}"
            finally:
                process.terminate()


def _forwarded_address(output: IO[str], errors: IO[str]) -> str:
    """The address in kubectl's first line: Forwarding from 127.0.0.1:40001 -> 3000."""
    line = output.readline()
    if not line.startswith("Forwarding from "):
        raise CommandError(f"kubectl port-forward: {errors.read().strip()}")
    return line.split()[2]


@dataclass(frozen=True)
class Helm:
    binary: Path
    kubeconfig: Path

    def __call__(self, *arguments: str, stdin: str | None = None) -> str:
        """Raises CommandError."""
        return _run([str(self.binary), "--kubeconfig", str(self.kubeconfig), *arguments], stdin)

    def install(self, release: str, chart: Path, namespace: str, values: Mapping[str, Any]) -> None:
        """Install or upgrade, and wait until all of it is ready. Raises CommandError."""
        try:
            self(
                "upgrade", "--install", release, str(chart), "--namespace", namespace,
                "--wait", "--timeout", "4m", "--values", "-",
                stdin=json.dumps(values),
            )  # fmt: skip
        except CommandError as error:
            if _PENDING in str(error):
                raise CommandError(f"{error}\n{_PENDING_CURE}") from None
            raise

    def has(self, release: str, namespace: str) -> bool:
        found = json.loads(self("list", "--namespace", namespace, "--output", "json"))
        return any(item["name"] == release for item in found)

    def uninstall(self, release: str, namespace: str) -> None:
        self("uninstall", release, "--namespace", namespace, "--ignore-not-found", "--wait")
