"""Settings of this machine for pip and apt, lent to an image's build and not kept in it."""

import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from configparser import ConfigParser
from contextlib import contextmanager
from pathlib import Path

from localcluster.shell import run

# The bundle alone: packages write their own files beside it.
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
# How packages are reached; what else pip can be told is about the machine and not the image.
PIP_OPTIONS = frozenset(
    {
        "cert",
        "client-cert",
        "default-timeout",
        "extra-index-url",
        "find-links",
        "index-url",
        "no-index",
        "proxy",
        "retries",
        "timeout",
        "trusted-host",
    }
)
PIP_FILES = ("/etc/xdg/pip/pip.conf", "/etc/pip.conf", "~/.pip/pip.conf", "~/.config/pip/pip.conf")
PIP_PREFIX = "PIP_"
APT_OPTIONS = ("Acquire::http", "Acquire::Check-", "Acquire::Retries", "Acquire::ForceIP")


@contextmanager
def mounts() -> Iterator[list[str]]:
    """Options of buildah for a build; their files are gone afterwards."""
    settings = pip_settings(_pip_files(), os.environ)
    with tempfile.TemporaryDirectory() as scratch:
        pip = Path(scratch) / "pip.conf"
        pip.write_text(pip_config(settings))
        apt = Path(scratch) / "apt.conf"
        apt.write_text(apt_config(run(("apt-config", "dump"))))
        options = [
            f"--volume={pip}:/etc/pip.conf:ro",
            f"--volume={apt}:/etc/apt/apt.conf.d/99machine:ro",
        ]
        places = dict.fromkeys((CERTIFICATES, *local_places(settings)))
        yield [*options, *(f"--volume={place}:{place}:ro" for place in places if place.exists())]


def _pip_files() -> list[str]:
    own = os.environ.get("PIP_CONFIG_FILE", "")
    paths = (Path(name).expanduser() for name in (*PIP_FILES, own) if name)
    return [path.read_text() for path in paths if path.is_file()]


def pip_settings(files: Iterable[str], environment: Mapping[str, str]) -> dict[str, str]:
    """What pip itself would take from its files, later ones winning, and the environment."""
    settings: dict[str, str] = {}
    for text in files:
        parser = ConfigParser(interpolation=None)
        parser.read_string(text)
        for section in ("global", "install"):
            if parser.has_section(section):
                settings.update(parser.items(section))
    for name, value in environment.items():
        if name.startswith(PIP_PREFIX):
            settings[name.removeprefix(PIP_PREFIX).lower().replace("_", "-")] = value
    return {name: value for name, value in settings.items() if name in PIP_OPTIONS}


def pip_config(settings: Mapping[str, str]) -> str:
    # Lists stand in one line each, as pip reads them from the environment.
    lines = (f"{name} = {' '.join(value.split())}" for name, value in settings.items())
    return "\n".join(("[global]", *lines, ""))


def local_places(settings: Mapping[str, str]) -> list[Path]:
    """Files and folders of this machine that the settings name."""
    words = (settings.get(name, "").split() for name in ("cert", "client-cert", "find-links"))
    paths = (Path(word) for found in words for word in found)
    return [path for path in paths if path.is_absolute() and path.exists()]


def apt_config(dump: str) -> str:
    """How to reach the mirrors: proxies, certificates, dates."""
    ours = [line for line in dump.splitlines() if line.startswith(APT_OPTIONS)]
    return "\n".join((*ours, ""))
