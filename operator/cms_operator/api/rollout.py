"""How a new revision takes over."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from cms_operator.api.model import Model
from cms_operator.api.rules import Rule

Strategy = Literal["RollingUpdate"]


class Rollout(Model):
    strategy: Strategy = "RollingUpdate"
    """RollingUpdate: the new revision's pods become ready before the old ones go."""

    progress_deadline_seconds: Annotated[int, Field(ge=1, le=86_400)] = 600
    """Seconds without progress after which a rollout has failed (default 600)."""

    min_ready_seconds: Annotated[int, Field(ge=0, le=3600)] = 0
    """Seconds that a pod must be ready before it counts (default 0)."""

    revision_history_limit: Annotated[int, Field(ge=0, le=50)] = 10
    """Old revisions that are kept (default 10)."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="self.minReadySeconds < self.progressDeadlineSeconds",
            message="must be less than rollout.progressDeadlineSeconds",
            holds=lambda rollout: rollout.min_ready_seconds < rollout.progress_deadline_seconds,
            field="minReadySeconds",
        ),
    )
