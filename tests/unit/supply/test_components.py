"""The parts of an image, from its lock and from Debian's own list."""

import pytest

from supply.components import Component, of_dpkg, of_lock
from tests.support.charts import REPOSITORY

HASH = "a" * 64
LOCK = f"""\
PyYAML==6.0.3 \\
    --hash=sha256:{HASH} \\
    --hash=sha256:{"0" * 64}
colorama==0.4.6 ; sys_platform == 'win32' \\
    --hash=sha256:{HASH}
uvloop==0.23.0+local ; sys_platform != 'win32' \\
    --hash=sha256:{HASH}
"""
STATUS = """\
Package: libstdc++6
Status: install ok installed
Architecture: amd64
Version: 2:12.2.0-14+deb12u1
Description: C++
 Status: no field of its own

Package: gone
Status: deinstall ok config-files
Architecture: amd64
Version: 1
"""


def test_a_lock_names_what_is_installed_on_the_images_system() -> None:
    assert list(of_lock(LOCK)) == [
        Component("pkg:pypi/pyyaml@6.0.3", "pyyaml", "6.0.3", ("0" * 64, HASH)),
        Component("pkg:pypi/uvloop@0.23.0%2Blocal", "uvloop", "0.23.0+local", (HASH,)),
    ]


def test_debians_packages_are_those_that_are_installed() -> None:
    assert list(of_dpkg(STATUS, "12")) == [
        Component(
            "pkg:deb/debian/libstdc%2B%2B6@2%3A12.2.0-14%2Bdeb12u1?arch=amd64&distro=debian-12",
            "libstdc++6",
            "2:12.2.0-14+deb12u1",
        )
    ]


@pytest.mark.parametrize("name", ["operator", "cms"])
def test_every_lock_of_an_image_can_be_read(name: str) -> None:
    text = (REPOSITORY / "requirements" / f"{name}.txt").read_text()
    found = list(of_lock(text))
    assert all(part.hashes for part in found)
    assert {"pydantic", "orjson"} <= {part.name for part in found}
    assert len({part.purl for part in found}) == len(found)
