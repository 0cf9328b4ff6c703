"""Times of the health checks; their paths and port are the CMS's own."""

from typing import Annotated

from pydantic import Field

from cms_operator.api.model import Model

_InitialDelay = Annotated[int, Field(ge=0, le=3600)]
_Seconds = Annotated[int, Field(ge=1, le=300)]
_Failures = Annotated[int, Field(ge=1, le=1000)]


class Liveness(Model):
    initial_delay_seconds: _InitialDelay = 30
    """Seconds before the first check (default 30)."""

    period_seconds: _Seconds = 10
    """Seconds between two checks (default 10)."""

    timeout_seconds: _Seconds = 3
    """Seconds until a check without an answer has failed (default 3)."""

    failure_threshold: _Failures = 3
    """Failures in a row after which the container is restarted (default 3)."""


class Readiness(Model):
    initial_delay_seconds: _InitialDelay = 5
    """Seconds before the first check (default 5)."""

    period_seconds: _Seconds = 5
    """Seconds between two checks (default 5)."""

    timeout_seconds: _Seconds = 3
    """Seconds until a check without an answer has failed (default 3)."""

    failure_threshold: _Failures = 3
    """Failures in a row after which the pod gets no more requests (default 3)."""


class Startup(Model):
    initial_delay_seconds: _InitialDelay = 0
    """Seconds before the first check (default 0)."""

    period_seconds: _Seconds = 2
    """Seconds between two checks (default 2)."""

    timeout_seconds: _Seconds = 3
    """Seconds until a check without an answer has failed (default 3)."""

    failure_threshold: _Failures = 60
    """Failures in a row after which a container that never started is restarted (default 60)."""


class Probes(Model):
    liveness: Liveness = Liveness()
    """Restarts a container that hangs (/livez on the admin port)."""

    readiness: Readiness = Readiness()
    """Keeps requests away from a pod that cannot serve (/readyz on the admin port)."""

    startup: Startup = Startup()
    """Holds the other two back until the CMS has started (/livez on the admin port)."""
