from configparser import ConfigParser
from pathlib import Path

import pytest

from localcluster import baseimage, debian, machine, mounts
from localcluster.baseimage import Target
from localcluster.errors import ClusterError

OF_ALL = """[global]
index-url = https://everybody.example/simple
timeout = 60
target = /srv/packages
"""
OF_THE_USER = """[global]
index-url = https://user:pa%20ss@mirror.example/simple
[install]
extra-index-url =
    https://one.example/simple
    https://two.example/simple
"""
MIRROR = Target("http://mirror.example/debian/", "bookworm", "main", "Debian")
UPDATES = Target("http://mirror.example/debian/", "bookworm-updates", "main", "Debian")
SECURITY = Target("http://fixes.example/", "bookworm-security", "main", "Debian-Security")
OTHERS = Target("http://vendor.example/", "stable", "main", "Vendor")


def test_pips_files_and_environment_win_in_pips_own_order() -> None:
    settings = machine.pip_settings([OF_ALL, OF_THE_USER], {"PIP_TIMEOUT": "180"})
    assert settings["index-url"] == "https://user:pa%20ss@mirror.example/simple"
    assert settings["timeout"] == "180"


def test_what_is_about_the_machine_alone_is_not_lent() -> None:
    environment = {"PIP_USER": "1", "PIP_CONFIG_FILE": "/x", "PATH": "/bin"}
    assert set(machine.pip_settings([OF_ALL], environment)) == {"index-url", "timeout"}


def test_the_lent_file_says_what_pip_had_been_told() -> None:
    parser = ConfigParser(interpolation=None)
    parser.read_string(machine.pip_config(machine.pip_settings([OF_THE_USER], {})))
    assert dict(parser["global"]) == {
        "index-url": "https://user:pa%20ss@mirror.example/simple",
        "extra-index-url": "https://one.example/simple https://two.example/simple",
    }


def test_only_places_that_exist_are_lent(tmp_path: Path) -> None:
    (tmp_path / "ca.crt").touch()
    settings = {
        "cert": str(tmp_path / "ca.crt"),
        "find-links": f"{tmp_path} /not/there https://wheels.example/",
    }
    assert machine.local_places(settings) == [tmp_path / "ca.crt", tmp_path]


def test_apts_way_to_the_mirror_is_lent_and_none_of_its_hooks() -> None:
    dump = (
        'APT::Update::Post-Invoke:: "rm -f x";\n'
        'Acquire::IndexTargets::deb::Icons "x";\n'
        'Acquire::http::Proxy "http://p:1";\n'
    )
    assert machine.apt_config(dump) == 'Acquire::http::Proxy "http://p:1";\n'


def test_the_base_image_comes_from_the_machines_own_mirror() -> None:
    assert baseimage.mirror([SECURITY, OTHERS, UPDATES, MIRROR]) == MIRROR.address


def test_the_base_image_gets_updates_and_fixes_of_its_own_suite() -> None:
    assert baseimage.sources([MIRROR, UPDATES, SECURITY, OTHERS]).splitlines() == [
        "deb http://fixes.example/ bookworm-security main",
        "deb http://mirror.example/debian/ bookworm main",
        "deb http://mirror.example/debian/ bookworm-updates main",
    ]


def test_a_newer_debian_still_builds_the_base_of_the_older_suite() -> None:
    newer = Target(MIRROR.address, "trixie", "main", "Debian")
    assert baseimage.sources([newer]) == "deb http://mirror.example/debian/ bookworm main\n"


def test_a_machine_without_a_debian_mirror_is_told_what_to_do() -> None:
    with pytest.raises(ClusterError, match="no Debian mirror"):
        baseimage.mirror([OTHERS])


def test_only_missing_packages_are_installed() -> None:
    wanted = {"ip": "iproute2", "nft": "nftables", "ss": "iproute2"}
    there = {"nft": "/usr/sbin/nft"}
    assert debian.missing(wanted, there.get) == ["iproute2"]


def test_mounts_are_undone_from_the_deepest_up_and_only_ours() -> None:
    lines = (
        "30 1 8:1 / / rw - ext4 /dev/a rw",
        "31 30 8:1 / /state/node rw - ext4 /dev/a rw",
        "32 31 0:9 / /state/node/pods/a\\040b/token rw - tmpfs tmpfs rw",
        "33 30 0:9 / /state/node-of-others rw - tmpfs tmpfs rw",
    )
    found = mounts.below("\n".join(lines), [Path("/state/node")])
    assert found == ["/state/node/pods/a b/token", "/state/node"]
