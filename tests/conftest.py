"""What all tiers share."""

from hypothesis import HealthCheck, settings

# The same cases everywhere, and a busy machine is no fault of the code.
settings.register_profile(
    "tests", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("tests")
