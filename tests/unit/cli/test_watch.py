"""`kubectl hcms status --watch` with a kubectl that always has something to tell."""

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.support.charts import REPOSITORY
from tests.unit.cli.objects import hcms, rollout

# A get gives the object, a watch of it 40 events in quick succession and its end.
KUBECTL = """\
#!/bin/sh
case "$*" in
  *pods*) exec sleep 60 ;;
  *--watch*) for n in $(seq 40); do cat "$FOLDER/changed"; sleep 0.05; done; cat "$FOLDER/gone" ;;
  *) cat "$FOLDER/object" ;;
esac
"""


def test_a_busy_release_is_drawn_while_it_goes_on(tmp_path: Path) -> None:
    found = hcms(rollout=rollout())
    for name, content in (
        ("object", found),
        ("changed", {"type": "MODIFIED", "object": found}),
        ("gone", {"type": "DELETED", "object": found}),
    ):
        (tmp_path / name).write_text(json.dumps(content) + "\n")
    (tmp_path / "kubectl").write_text(KUBECTL)
    (tmp_path / "kubectl").chmod(0o755)
    environment = {
        "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}",
        "FOLDER": str(tmp_path),
        "PYTHONPATH": str(REPOSITORY / "operator"),
    }
    done = subprocess.run(
        [sys.executable, "-m", "cms_operator.cli.main", "status", "shop", "--watch"],
        text=True, capture_output=True, check=False, env=environment,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (1, "error: shop was deleted\n")
    assert done.stdout.count("Name:        shop") > 2
