"""Parts of an image: Python packages from its lock, Debian packages from its own list."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import quote

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

# Of the images: the lock is for all systems.
_SYSTEM = {
    "sys_platform": "linux",
    "platform_system": "Linux",
    "os_name": "posix",
    "platform_python_implementation": "CPython",
    "implementation_name": "cpython",
    "platform_machine": "x86_64",
    "python_version": "3.11",
    "python_full_version": "3.11.2",
}
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


@dataclass(frozen=True, order=True)
class Component:
    """`hashes` are those of the files that may have been installed, of which one was."""

    purl: str
    name: str
    version: str
    hashes: tuple[str, ...] = ()


def of_lock(text: str) -> Iterator[Component]:
    """What a lock of uv installs in an image."""
    for entry in text.replace("\\\n", " ").splitlines():
        if not entry.strip() or entry.lstrip().startswith("#"):
            continue
        requirement = Requirement(entry.partition("--hash")[0])
        (version,) = (found.version for found in requirement.specifier)
        if requirement.marker is not None and not requirement.marker.evaluate(_SYSTEM):
            continue
        name = canonicalize_name(requirement.name)
        hashes = tuple(sorted(_HASH.findall(entry)))
        yield Component(f"pkg:pypi/{name}@{quote(version, safe='')}", name, version, hashes)


def of_dpkg(status: str, release: str) -> Iterator[Component]:
    """The components in dpkg's list of packages; `release` is Debian's, such as 12."""
    for paragraph in status.split("\n\n"):
        fields = _fields(paragraph)
        if fields.get("Status") != "install ok installed":
            continue
        name, version = fields["Package"], fields["Version"]
        where = f"arch={fields['Architecture']}&distro=debian-{release}"
        purl = f"pkg:deb/debian/{quote(name, safe='')}@{quote(version, safe='')}?{where}"
        yield Component(purl, name, version)


def _fields(paragraph: str) -> Mapping[str, str]:
    lines = (line.partition(": ") for line in paragraph.splitlines() if not line.startswith(" "))
    return {name: value for name, _, value in lines}
