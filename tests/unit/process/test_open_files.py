"""The operator's process takes what it needs for the watches of many namespaces."""

import subprocess
import sys
from pathlib import Path

OPERATOR = Path(__file__).parents[3] / "operator"
# The start as it is, but for the loop.
START = """
import resource, runpy, uvloop

def look(serving):
    serving.close()
    print(resource.getrlimit(resource.RLIMIT_NOFILE))

uvloop.run = look
runpy.run_module("cms_operator", run_name="__main__")
"""


def test_it_has_as_many_open_files_as_it_may() -> None:
    """Docker and containerd give 1,024 to who does not ask: 68 namespaces have more watches."""
    started = subprocess.run(  # noqa: S603  - our own program
        ["/usr/bin/env", "prlimit", "--nofile=1024:4096", sys.executable, "-c", START],
        env={"PYTHONPATH": str(OPERATOR), "PATH": "/usr/bin:/bin"},
        text=True,
        capture_output=True,
        check=True,
    )
    assert started.stdout == "(4096, 4096)\n"
