from pathlib import Path

import pytest

from localcluster import observers, program
from localcluster.progress import Progress
from tests.support.programs import skip_until_built


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Function) -> None:
    """Here and not in the fixture, so that all skipped tests make one line."""
    skip_until_built(item, "promtool", observers.PROMTOOL)


@pytest.fixture(scope="session")
def promtool() -> Path:
    return program.ensure(observers.PROMTOOL, Progress())
