"""Whether this process may make networks and mounts; in a container root alone does not tell."""

import os
import re
from pathlib import Path

STATUS = Path("/proc/self/status")
CAP_NET_ADMIN = 1 << 12
CAP_SYS_ADMIN = 1 << 21
NEEDED = CAP_NET_ADMIN | CAP_SYS_ADMIN
ROOT = "root (in a container: privileged)"


def is_root() -> bool:
    return os.geteuid() == 0 and (not STATUS.exists() or may_do_all(STATUS.read_text()))


def may_do_all(status: str) -> bool:
    found = re.search(r"^CapEff:\s*([0-9a-f]+)$", status, re.MULTILINE)
    return found is None or int(found[1], 16) & NEEDED == NEEDED
