"""What all tiers share."""

import pytest
from hypothesis import HealthCheck, settings

from tests.support.ports import free_port

# The same cases everywhere, and a busy machine is no fault of the code.
settings.register_profile(
    "tests", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("tests")


@pytest.fixture
def unused_tcp_port() -> int:
    """A port that stays ours; pytest-asyncio's may be another process' by the time it is used."""
    return free_port()
