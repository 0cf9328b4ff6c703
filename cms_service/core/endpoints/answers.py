"""What an endpoint, or something that it depends on, may answer beside its result. It is said where
it is decided; the API's description reads it there.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

from cms_service.core.errors import Problem

Decorated = TypeVar("Decorated", bound=Callable[..., Any])

_MARK = "__hcms_answers__"


@dataclass(frozen=True)
class AnswerHeader:
    """`pattern` describes the whole value; `always` holds for answers of the kind it is said of."""

    name: str
    description: str
    pattern: str
    always: bool = True


@dataclass(frozen=True)
class Answers:
    """`headers` are those of a result, `problem_headers` those of every problem; `for_caller` says
    that it asks for credentials.
    """

    problems: frozenset[type[Problem]] = frozenset()
    headers: tuple[AnswerHeader, ...] = ()
    problem_headers: tuple[AnswerHeader, ...] = ()
    for_caller: bool = False


ETAG = AnswerHeader(
    "ETag", "The version, to be sent as `If-Match` with a write", r'^"[0-9]+(-[0-9a-f]+)?"$'
)
NO_STORE = AnswerHeader("Cache-Control", "The answer holds a secret", "^no-store$")


def answers(
    *problems: type[Problem], headers: Iterable[AnswerHeader] = (), for_caller: bool = False
) -> Callable[[Decorated], Decorated]:
    def decorate(function: Decorated) -> Decorated:
        told = Answers(frozenset(problems), tuple(headers), for_caller=for_caller)
        setattr(function, _MARK, told)
        return function

    return decorate


def answers_of(function: Callable[..., Any] | None) -> Answers:
    found: Answers = getattr(function, _MARK, Answers())
    return found
