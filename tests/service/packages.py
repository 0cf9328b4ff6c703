"""PostgreSQL, PgBouncer, Redis, nginx and what docs/guide.md uses, from Debian's packages where
they are missing on this machine.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

import pytest

from localcluster import debian, lock
from localcluster.errors import ClusterError
from localcluster.progress import Progress

_PACKAGES = {
    "postgres": "postgresql",
    "pgbouncer": "pgbouncer",
    "redis-server": "redis-server",
    "nginx": "nginx",
    "psql": "postgresql-client",
    "curl": "curl",
    "jq": "jq",
    "openssl": "openssl",
}
# Debian keeps PostgreSQL's server programs out of the PATH.
_POSTGRES_FOLDERS = "/usr/lib/postgresql/*/bin"
# Where nothing may be left out, as in a release's own checks.
_REQUIRE = "HCMS_REQUIRE_SERVICES"


class MissingServicesError(Exception):
    pass


@cache
def program(name: str) -> Path:
    """Raises MissingServicesError."""
    found = _find(name)
    if found is None:
        _install()
        found = _find(name)
    if found is None:
        raise MissingServicesError(
            f"{name} is missing: install PostgreSQL 15, PgBouncer, Redis 7, nginx, curl and jq"
        )
    return found


def require(*names: str) -> None:
    """Skip the test where one of them cannot be had."""
    try:
        for name in names:
            program(name)
    except MissingServicesError as missing:
        if os.environ.get(_REQUIRE):
            raise
        pytest.skip(str(missing))


def _find(name: str) -> Path | None:
    if (in_path := shutil.which(name)) is not None:
        return Path(in_path)
    folders = sorted(Path("/").glob(_POSTGRES_FOLDERS.lstrip("/")), reverse=True)
    return next((folder / name for folder in folders if (folder / name).exists()), None)


@cache
def _install() -> None:
    """One process of a test run installs them, and the others wait for that."""
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        return
    with lock.held("debian"):
        if missing := [package for name, package in _PACKAGES.items() if _find(name) is None]:
            # The test then says what is missing.
            with _starting_nothing(), suppress(ClusterError):
                debian.install(missing, Progress())


@contextmanager
def _starting_nothing() -> Iterator[None]:
    """Debian would start the servers and make a cluster; the tests start their own."""
    policy = Path("/usr/sbin/policy-rc.d")
    made = not policy.exists()
    if made:
        policy.write_text("#!/bin/sh\nexit 101\n")
        policy.chmod(0o755)
    try:
        yield
    finally:
        if made:
            policy.unlink()
