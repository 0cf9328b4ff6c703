"""`kubectl hcms` with a kubectl that says what a cluster may say."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.charts import REPOSITORY
from tests.unit.cli.objects import hcms, rollout

# A get gives the object, a watch of it 40 events in quick succession and its end.
BUSY = """\
  *pods*--watch*) exec sleep 60 ;;
  *pods*) cat "$FOLDER/no-pods" ;;
  *--watch*) for n in $(seq 40); do cat "$FOLDER/changed"; sleep 0.05; done; cat "$FOLDER/gone" ;;
"""
# Its first watch has the version that it reads from taken away, its second one goes on.
EXPIRING = """\
  *pods*--watch*) exec sleep 60 ;;
  *pods*) cat "$FOLDER/no-pods" ;;
  *--watch*)
    cat "$FOLDER/changed"
    if [ -e "$FOLDER/again" ]; then cat "$FOLDER/gone"; exec sleep 60; fi
    touch "$FOLDER/again"; cat "$FOLDER/error"; exec sleep 60 ;;
"""
REFUSED = 'pods is forbidden: User "bob" cannot list resource "pods" in API group ""'
WITHOUT_PODS = f"""\
  *pods*) echo 'Error from server (Forbidden): {REFUSED}' >&2; exit 1 ;;
  *--watch*) for n in $(seq 40); do cat "$FOLDER/changed"; sleep 0.05; done; cat "$FOLDER/gone" ;;
"""


@dataclass(frozen=True)
class Fake:
    """What its kubectl hands over is in the folder."""

    folder: Path

    def has(self, name: str, content: Any) -> None:
        (self.folder / name).write_text(json.dumps(content) + "\n")

    def status(self, cases: str, *flags: str) -> subprocess.CompletedProcess[str]:
        return self.run(cases, "status", "shop", *flags)

    def run(self, cases: str, *command: str) -> subprocess.CompletedProcess[str]:
        script = f'#!/bin/sh\ncase "$*" in\n{cases}  *) cat "$FOLDER/object" ;;\nesac\n'
        (self.folder / "kubectl").write_text(script)
        (self.folder / "kubectl").chmod(0o755)
        environment = {
            "PATH": f"{self.folder}{os.pathsep}{os.environ['PATH']}",
            "FOLDER": str(self.folder),
            "PYTHONPATH": str(REPOSITORY / "operator"),
        }
        return subprocess.run(  # noqa: S603  - the plugin itself, no shell
            [sys.executable, "-m", "cms_operator.cli.main", *command],
            text=True, capture_output=True, check=False, env=environment,
        )  # fmt: skip


@pytest.fixture
def kubectl(tmp_path: Path) -> Fake:
    fake, found = Fake(tmp_path), hcms(rollout=rollout())
    fake.has("object", found)
    fake.has("no-pods", {"items": []})
    fake.has("changed", {"type": "MODIFIED", "object": found})
    fake.has("gone", {"type": "DELETED", "object": found})
    return fake


def error(code: int, words: str) -> dict[str, Any]:
    status = {"kind": "Status", "status": "Failure", "code": code, "message": words}
    return {"type": "ERROR", "object": status}


def test_a_busy_release_is_drawn_while_it_goes_on(kubectl: Fake) -> None:
    done = kubectl.status(BUSY, "--watch")
    assert (done.returncode, done.stderr) == (1, "error: shop was deleted\n")
    assert done.stdout.count("Name:        shop") > 2


def test_a_watch_whose_version_is_too_old_begins_anew(kubectl: Fake) -> None:
    kubectl.has("error", error(410, "too old resource version: 1 (2)"))
    done = kubectl.status(EXPIRING, "--watch")
    assert (done.returncode, done.stderr) == (1, "error: shop was deleted\n")


def test_a_watch_that_the_server_gives_up_ends_with_its_words(kubectl: Fake) -> None:
    kubectl.has("error", error(500, "etcd has lost its leader"))
    done = kubectl.status(EXPIRING, "--watch")
    assert (done.returncode, done.stderr) == (1, "error: etcd has lost its leader\n")


@pytest.mark.parametrize(
    ("flags", "end"),
    [((), (0, "")), (("--watch",), (1, "error: shop was deleted\n"))],
    ids=["once", "watch"],
)
def test_who_may_not_see_pods_sees_the_release_without_them(
    kubectl: Fake, flags: tuple[str, ...], end: tuple[int, str]
) -> None:
    done = kubectl.status(WITHOUT_PODS, *flags)
    assert (done.returncode, done.stderr) == end
    assert "Rollout:     ⏸ Paused, revision b from a" in done.stdout
    assert "└─ revision a" in done.stdout
    assert f"Pods are left out: Error from server (Forbidden): {REFUSED}" in done.stdout


def test_a_kubectl_that_fails_otherwise_is_an_error(kubectl: Fake) -> None:
    done = kubectl.status("  *pods*) echo 'the server could not be reached' >&2; exit 1 ;;\n")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "error: the server could not be reached\n"


def test_a_request_whose_answer_cannot_be_seen_stands_and_can_be_taken_back(kubectl: Fake) -> None:
    kubectl.has("error", error(500, "http2: client connection lost"))
    cases = '  *--watch*) cat "$FOLDER/changed" "$FOLDER/error"; exec sleep 60 ;;\n'
    done = kubectl.run(cases, "promote", "shop")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: http2: client connection lost\nshop: The request stands")
    assert "annotate headlesscmses.headlesscms.io shop headlesscms.io/promote-" in done.stderr
