from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.argo_rollouts import CONTROLLER as ARGO
from localcluster import binaries, golang
from localcluster.gateway import CONTROLLER as ENVOY_GATEWAY
from localcluster.paths import GO_MODULE

sources = st.lists(st.tuples(st.text(max_size=5), st.binary(max_size=5)), max_size=4)


@given(sources, st.randoms())
def test_the_key_does_not_depend_on_the_order_of_files(
    files: list[tuple[str, bytes]],
    random: Random,
) -> None:
    shuffled = list(files)
    random.shuffle(shuffled)
    assert binaries.sources_key(files, "1.26.4") == binaries.sources_key(shuffled, "1.26.4")


@pytest.mark.parametrize(
    "other",
    [
        [("go.mod", b"b"), ("go.sum", b"")],
        [("go.mod", b"a")],
        [("go.mo", b"da"), ("go.sum", b"")],
        [("go.mod", b"a"), ("go.sum", b"\0")],
    ],
)
def test_any_change_of_a_source_builds_anew(other: list[tuple[str, bytes]]) -> None:
    first = [("go.mod", b"a"), ("go.sum", b"")]
    assert binaries.sources_key(first, "1.26.4") != binaries.sources_key(other, "1.26.4")


def test_another_compiler_builds_anew() -> None:
    assert binaries.sources_key([], "1.26.4") != binaries.sources_key([], "1.26.5")


def test_the_servers_report_the_version_that_go_mod_requires() -> None:
    version = binaries.kubernetes_version((GO_MODULE / "go.mod").read_text())
    flags = binaries.linker_flags(version)
    assert f"version.gitVersion={version}" in flags
    assert f"version.gitMinor={version.split('.')[1]} " in flags


def test_every_staging_module_has_the_version_of_kubernetes() -> None:
    text = (GO_MODULE / "go.mod").read_text()
    version = binaries.kubernetes_version(text)
    replaced = [line.split()[-1] for line in text.splitlines() if " => k8s.io/" in line]
    assert set(replaced) == {version.replace("v1.", "v0.", 1)}


def test_every_program_but_the_modules_own_is_pinned_by_tools_go() -> None:
    tools = (GO_MODULE / "tools.go").read_text()
    foreign = [p for p in binaries.PACKAGES.values() if not p.startswith("headlesscms.io/")]
    assert all(f'"{package}"' in tools for package in foreign)


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("go1.26.4", (1, 26, 4)),
        ("go1.27", (1, 27, 0)),
        ("go1.27.1 X:nodwarf5\n", (1, 27, 1)),
        ("1.26.4", (1, 26, 4)),
    ],
)
def test_go_versions_compare_as_numbers(text: str, version: tuple[int, ...]) -> None:
    assert golang.parse_version(text) == version


def test_an_unknown_go_version_is_refused() -> None:
    with pytest.raises(ValueError, match="devel"):
        golang.parse_version("devel")


@pytest.mark.parametrize(
    "module", [GO_MODULE, ARGO.folder, ENVOY_GATEWAY.folder], ids=lambda module: module.name
)
def test_the_pinned_toolchain_is_new_enough(module: Path) -> None:
    pinned = (module / golang.TOOLCHAIN_LOCK).read_text().split("==")[1].split()[0]
    wanted = golang.wanted_version((module / "go.mod").read_text())
    assert golang.parse_version(pinned) >= wanted
