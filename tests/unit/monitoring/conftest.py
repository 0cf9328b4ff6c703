import os
from pathlib import Path

import pytest

from localcluster import observers, program
from localcluster.progress import Progress

REQUIRED = os.environ.get("HCMS_REQUIRE_CLUSTER") == "1"


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Function) -> None:
    """Here and not in the fixture, so that all skipped tests make one line."""
    wanted = "promtool" in item.fixturenames
    if wanted and not (REQUIRED or program.is_built(observers.PROMTOOL)):
        pytest.skip("promtool is not built yet: `make test-controlplane` builds it")


@pytest.fixture(scope="session")
def promtool() -> Path:
    return program.ensure(observers.PROMTOOL, Progress())
