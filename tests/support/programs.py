"""Programs that a test needs and that take minutes to build."""

import os

import pytest

from localcluster import program
from localcluster.program import Program

REQUIRED = os.environ.get("HCMS_REQUIRE_CLUSTER") == "1"


def skip_until_built(item: pytest.Function, fixture: str, wanted: Program) -> None:
    """Skip a test that asks for the program by that fixture, unless it is demanded that all run."""
    if fixture in item.fixturenames and not (REQUIRED or program.is_built(wanted)):
        pytest.skip(f"{fixture} is not built yet: `make test-controlplane` builds it")
