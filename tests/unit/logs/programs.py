"""Operator and CMS as processes of their own, without the servers that they need, and what they
write then: everything that an operator of them sees on a bad day.
"""

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path

from tests.support.charts import REPOSITORY
from tests.support.ports import free_port

PATIENCE = 30.0
DEFECT = "a defect,\\nin two lines"

# Its API server is not there: it tells so, and waits.
OPERATOR = "import runpy; runpy.run_module('cms_operator', run_name='__main__')"
# A reconcile that always fails, by the operator's own workers and log.
FAILING_RECONCILE = f"""
import asyncio, time
from cms_operator.cluster.keys import Key
from cms_operator.observability import logs
from cms_operator.workers import Workers
from cms_operator.workqueue import WorkQueue

async def reconcile(key):
    raise RuntimeError("{DEFECT}")

async def main():
    queue = WorkQueue(time.monotonic, lambda: 1.0)
    workers = Workers(queue, reconcile, 1)
    workers.start()
    queue.add(Key("team-a", "shop"))
    await asyncio.sleep(60)

logs.configure_logging("info", "json")
asyncio.run(main())
"""
# A CMS with a page that always fails.
CMS = f"""
import sys
from cms_service import cli, server

build = server.build

def with_a_defect(settings):
    cms = build(settings)
    inside = cms.public._app
    async def app(scope, receive, send):
        if scope["path"] == "/defect":
            raise RuntimeError("{DEFECT}")
        await inside(scope, receive, send)
    cms.public._app = app
    return cms

server.build = with_a_defect
sys.exit(cli.main(["serve"]))
"""


def written(
    script: str, log: Path, environment: Mapping[str, str], until: str, ask: str = ""
) -> list[str]:
    """Lines of a process that is ended when `until` is among them; `ask` is an address to call."""
    variables = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": f"{REPOSITORY / 'operator'}:{REPOSITORY}",
    }
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603  - our own scripts, no shell
            [sys.executable, "-c", script],
            env={**variables, **environment},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        deadline = time.monotonic() + PATIENCE
        while until not in log.read_text():
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            if ask:
                call(ask)
            time.sleep(0.1)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE)
    return log.read_text().splitlines()


def call(address: str) -> None:
    try:
        urllib.request.urlopen(address, timeout=5).close()  # noqa: S310  - a loopback address
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return  # it is not there yet, or answers with an error


def of_the_operator(folder: Path) -> list[str]:
    kubeconfig = folder / "kubeconfig"
    kubeconfig.write_text(
        "{apiVersion: v1, kind: Config, current-context: c, contexts: [{name: c, context: "
        "{cluster: c, user: u}}], users: [{name: u, user: {}}], clusters: [{name: c, cluster: "
        f"{{server: 'http://127.0.0.1:{free_port()}'}}}}]}}"
    )
    environment = {"KUBECONFIG": str(kubeconfig), "HCMS_HEALTH_PORT": str(free_port())}
    return [
        *written(OPERATOR, folder / "operator.log", environment, "cannot list"),
        *written(FAILING_RECONCILE, folder / "failing.log", {}, "unexpected failure"),
    ]


def of_the_cms(folder: Path) -> list[str]:
    port, nowhere = free_port(), free_port()
    environment = {
        "DATABASE_URL": f"postgresql://cms:wonderland@127.0.0.1:{nowhere}/cms",
        "REDIS_URL": f"redis://127.0.0.1:{nowhere}",
        "JWT_SECRET": "0123456789abcdef" * 4,
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "ADMIN_PORT": str(free_port()),
        "HCMS_NAMESPACE": "team-a",
        "HCMS_NAME": "shop",
        "HCMS_REVISION": "a1b2c3d4e5",
        "DRAIN_SECONDS": "0",
    }
    address = f"http://127.0.0.1:{port}/defect"
    return written(CMS, folder / "cms.log", environment, "unexpected error", address)
