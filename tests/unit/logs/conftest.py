from pathlib import Path

import pytest

from localcluster import observers, program
from localcluster.progress import Progress
from tests.support.programs import skip_until_built
from tests.unit.logs.programs import of_the_cms, of_the_operator


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Function) -> None:
    """Here and not in the fixture, so that all skipped tests make one line."""
    skip_until_built(item, "otelcol", observers.COLLECTOR)


@pytest.fixture(scope="session")
def otelcol() -> Path:
    return program.ensure(observers.COLLECTOR, Progress())


@pytest.fixture(scope="session")
def operator_lines(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    return of_the_operator(tmp_path_factory.mktemp("operator"))


@pytest.fixture(scope="session")
def cms_lines(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    return of_the_cms(tmp_path_factory.mktemp("cms"))
