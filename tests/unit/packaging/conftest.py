import os
from pathlib import Path

import pytest

from localcluster import binaries, golang
from localcluster.progress import Progress
from tests.support.charts import Chart, Objects

REQUIRED = os.environ.get("HCMS_REQUIRE_CLUSTER") == "1"


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Function) -> None:
    """Here and not in the fixture, so that all skipped tests make one line."""
    if "tools" in item.fixturenames and not (REQUIRED or binaries.all_built(binaries.TOOLS)):
        pytest.skip("helm and kubectl are not built yet: `make cluster` builds them")


@pytest.fixture(scope="session")
def tools() -> Path:
    """The folder of helm and kubectl."""
    if REQUIRED:
        return binaries.ensure(binaries.TOOLS, Progress())
    go = golang.found()
    assert go is not None
    return binaries.folder(go)


@pytest.fixture(scope="module")
def chart(tools: Path) -> Chart:
    """The operator's, where a module names no other."""
    return Chart(tools / "helm", "headlesscms-operator")


@pytest.fixture(scope="module")
def rendered(chart: Chart) -> Objects:
    return chart.render()
