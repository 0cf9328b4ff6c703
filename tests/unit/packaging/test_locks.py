"""Each image, and development, installs exactly what was locked."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterable
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.support.charts import REPOSITORY

PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
EXTRAS = PROJECT["project"]["optional-dependencies"]
LOCKS = {
    "operator": EXTRAS["operator"],
    "cms": EXTRAS["cms"],
    "audit": PROJECT["dependency-groups"]["audit"],
    "dev": [*EXTRAS["operator"], *EXTRAS["cms"], *PROJECT["dependency-groups"]["dev"]],
}
INSTALLS = [
    "Makefile",
    "Dockerfile.operator",
    "Dockerfile.api",
    "localcluster/images/envoy/Dockerfile",
]
ENTRY = re.compile(
    r"([A-Za-z0-9._-]+)==(\S+)(?: ; [^\\]+)? \\\n(?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+"
)


def locked(name: str) -> dict[str, str]:
    """Versions by canonical name; fails on anything but pinned and hashed entries."""
    text = (REPOSITORY / "requirements" / f"{name}.txt").read_text()
    assert ENTRY.sub("", text) == ""
    return {canonical(package): version for package, version in ENTRY.findall(text)}


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.mark.parametrize("name", LOCKS)
def test_lock_holds_only_hashed_versions_that_the_project_asks_for(name: str) -> None:
    versions = locked(name)
    wanted: Iterable[Requirement] = map(Requirement, LOCKS[name])
    for requirement in wanted:
        version = versions[canonical(requirement.name)]
        assert requirement.specifier.contains(version), requirement


@pytest.mark.parametrize("image", ["operator", "cms"])
def test_images_run_the_versions_that_were_tested(image: str) -> None:
    assert locked(image).items() <= locked("dev").items()


@pytest.mark.parametrize("file", INSTALLS)
def test_an_install_resolves_nothing_against_what_is_newest_today(file: str) -> None:
    installs = re.findall(r"[^\n]*--require-hashes", (REPOSITORY / file).read_text())
    assert installs
    assert all("--no-deps" in install for install in installs)


@pytest.mark.parametrize(
    ("package", "image"), [("operator/cms_operator", "operator"), ("cms_service", "cms")]
)
def test_everything_that_a_package_imports_is_in_its_image(package: str, image: str) -> None:
    installed = locked(image)
    providers = packages_distributions()
    for module in imported(REPOSITORY / package) - sys.stdlib_module_names - {Path(package).name}:
        assert installed.keys() & {canonical(name) for name in providers[module]}, module


def imported(folder: Path) -> set[str]:
    """Top-level names of all absolute imports."""
    names: set[str] = set()
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names.update(alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                names.add(str(node.module))
    return {name.partition(".")[0] for name in names}
