"""What somebody has to mend: a reason of the vocabulary, and a sentence for people."""

from dataclasses import dataclass

from cms_operator.api.conditions import Reason


@dataclass(frozen=True, slots=True)
class Problem:
    reason: Reason
    message: str


class ProblemError(Exception):
    """A reconcile cannot go on until somebody has mended this."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem
