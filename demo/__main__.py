import argparse
import subprocess
import sys

import httpx

from demo import down, up
from demo.content import NotOnceError
from demo.disturbance import RequestsLostError
from demo.releases import UnexpectedEndError
from demo.tools import CommandError
from demo.waiting import TookTooLongError
from localcluster.errors import ClusterError

EXPECTED = (
    ClusterError,
    CommandError,
    NotOnceError,
    RequestsLostError,
    TookTooLongError,
    UnexpectedEndError,
    httpx.HTTPError,
    subprocess.TimeoutExpired,
)


CURE = (
    "  cure: `kubectl describe hcms shop -n headlesscms-demo` and the operator's log say what is "
    "wrong; `make demo` goes on from where it stopped, `make demo-down` starts over"
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
        sys.stderr.write(f"the demo failed: {error}\n{CURE}\n")
        return 1
    return 0


sys.exit(main())
