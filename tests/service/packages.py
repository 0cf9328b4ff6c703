# ruff: noqa: S603 - the arguments are our own
"""PostgreSQL, PgBouncer, Redis, nginx and what docs/guide.md uses, from Debian's packages where
they are missing on this machine.
"""

import os
import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest

from localcluster import lock

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
    """Of the processes of a test run one does it, and the others wait for that."""
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        return
    with lock.held("debian"):
        if missing := [package for name, package in _PACKAGES.items() if _find(name) is None]:
            _install_now(missing)


def _install_now(missing: list[str]) -> None:
    # Debian would start them and make a cluster; the tests start their own.
    policy = Path("/usr/sbin/policy-rc.d")
    made = not policy.exists()
    if made:
        policy.write_text("#!/bin/sh\nexit 101\n")
        policy.chmod(0o755)
    try:
        _apt("update", "-q")
        _apt("install", "-q", "-y", "--no-install-recommends", *missing)
    finally:
        if made:
            policy.unlink()


def _apt(*arguments: str) -> None:
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    command = ["apt-get", *arguments]
    subprocess.run(command, env=environment, check=False, capture_output=True)
