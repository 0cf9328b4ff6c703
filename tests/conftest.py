"""For all tiers."""

from hypothesis import HealthCheck, settings

# A busy machine is no fault of the code.
settings.register_profile("tests", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("tests")
