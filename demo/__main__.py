import argparse
import subprocess
import sys

import httpx

from demo import down, up
from demo.disturbance import RequestsLostError
from demo.tools import CommandError
from demo.waiting import TookTooLongError
from localcluster.errors import ClusterError

EXPECTED = (
    ClusterError,
    CommandError,
    RequestsLostError,
    TookTooLongError,
    httpx.HTTPError,
    subprocess.TimeoutExpired,
)


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m demo", description="Show the operator at work."
    )
    parser.add_argument("act", choices=["up", "down"])
    act = {"up": up.run, "down": down.run}[parser.parse_args().act]
    try:
        act()
    except EXPECTED as error:
        sys.stderr.write(f"the demo failed: {error}\n")
        return 1
    return 0


sys.exit(main())
