"""Regular expressions of tenants. The engine is Rust's regex crate, which never backtracks: a text
takes at most as many steps as it has characters, times the size of the pattern. So what is bounded
is sizes: of what is kept compiled, and of what one definition or one entry may cost to check.

Within one bound each pattern is compiled once at most: a definition's bound is thus one of what an
entry costs besides its own, however many patterns take turns in it.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Annotated

from pydantic import StringConstraints, TypeAdapter, ValidationError
from pydantic_core import SchemaError

# A step takes up to 30 ns.
STEPS_OF_AN_ENTRY = 10_000_000
# Allowed for compiling its patterns and comparing its default values with them.
STEPS_OF_A_DEFINITION = 1_000_000

# What Rust's and JavaScript's dialects do not read alike.
_DIALECT = re.compile(r"\\[A-Za-z0-9<]|\(\?|\[\^?\]|\[[^\]]*\[|&&|--|~~|\{,")

# Counted in what one character takes, some 50 bytes when it is compiled.
_LETTERS_WEIGHT, _DIGITS_WEIGHT, _MANY_WEIGHT = 1_000, 150, 25
_MAX_WEIGHT = 40_000  # 2 MB
_STEPS_TO_COMPILE = 5

_REPEAT = re.compile(r"\{(\d{1,9})(?:,(\d{0,9}))?\}")
_VERBOSE = re.compile(r"\(\?[a-zA-Z-]*x[a-zA-Z-]*:?")
# An escape, the begin of a group, or a repetition.
_PART = re.compile(
    rf"\\(?:[pPxuU]\{{[^}}]*\}}|.)|\((?:\?(?:P?<[^>]*>|[a-zA-Z-]*:?))?|{_REPEAT.pattern}",
    re.DOTALL,
)


@dataclass(slots=True)
class _Allowance:
    steps: int
    compiled: dict[str, TypeAdapter[str]] = field(default_factory=dict)


_allowance: ContextVar[_Allowance | None] = ContextVar("allowance", default=None)
_are_known: ContextVar[bool] = ContextVar("are_known", default=False)


# pydantic keeps some of the last ones itself.
@lru_cache(maxsize=64)
def _compiled(pattern: str) -> TypeAdapter[str]:
    return TypeAdapter(Annotated[str, StringConstraints(pattern=pattern)])


def check(pattern: str) -> None:
    """Raises ValueError for what is no pattern, and in a definition for what is too large."""
    if _are_known.get():
        return
    if _allowance.get() is not None:
        _check_size(pattern)
    try:
        _ready(pattern)
    except SchemaError:
        raise ValueError("pattern is not a supported regular expression") from None


def _check_size(pattern: str) -> None:
    if _weight(pattern) > _MAX_WEIGHT:
        raise ValueError("pattern is too large: let it repeat less")
    if not _can_spend(_STEPS_TO_COMPILE * _weight(pattern)):
        raise ValueError("pattern is too large, with those before it: let them repeat less")


def matches(pattern: str, text: str) -> bool:
    """Raises ValueError where that would take more steps than are left."""
    if _are_known.get():
        return True
    if not _can_spend(_parts(pattern) * len(text)):
        raise ValueError("takes too long to compare with its pattern: shorten one of them")
    try:
        _ready(pattern).validate_python(text)
    except ValidationError:
        return False
    return True


@contextmanager
def at_most(steps: int) -> Iterator[None]:
    """All that is compiled or compared within takes so many steps together."""
    token = _allowance.set(_Allowance(steps))
    try:
        yield
    finally:
        _allowance.reset(token)


@contextmanager
def known() -> Iterator[None]:
    """What is read within was checked before it was stored: nothing is compiled, and default values
    are taken to match.
    """
    token = _are_known.set(True)
    try:
        yield
    finally:
        _are_known.reset(token)


def _ready(pattern: str) -> TypeAdapter[str]:
    allowance = _allowance.get()
    if allowance is None:
        return _compiled(pattern)
    if (found := allowance.compiled.get(pattern)) is None:
        found = allowance.compiled[pattern] = _compiled(pattern)
    return found


def _can_spend(steps: int) -> bool:
    allowance = _allowance.get()
    if allowance is None:
        return True
    allowance.steps -= steps
    return allowance.steps >= 0


def is_portable(pattern: str) -> bool:
    """Whether a JSON Schema may repeat it: others read it in their own dialects."""
    return _DIALECT.search(pattern) is None


@lru_cache(maxsize=2_000)
def _weight(pattern: str) -> int:
    return _size(pattern, _weight_of)


def _weight_of(part: str) -> int:
    if re.search(r"\\[wWpPbB]", part):
        return _LETTERS_WEIGHT
    if re.search(r"\\[dD]", part):
        return _DIGITS_WEIGHT
    stands_for_many = part == "." or re.search(r"\\[sS]", part) or part.startswith("[^")
    return _MANY_WEIGHT if stands_for_many or not part.isascii() else 1


@lru_cache(maxsize=2_000)
def _parts(pattern: str) -> int:
    return _size(pattern, lambda _: 1)


def _size(pattern: str, size_of: Callable[[str], int]) -> int:
    """The size of all parts together, each as often as it is repeated; some number for what is no
    pattern. Raises ValueError for the flag x: what is ignored then could hide a repetition from
    this.
    """
    # For each open group, what it holds so far and, apart, its last part, which may be repeated.
    open_groups = [[1, 0]]
    place = 0
    while place < len(pattern):
        group, end = open_groups[-1], _end_of_part(pattern, place)
        part, place = pattern[place:end], end
        if _VERBOSE.fullmatch(part) is not None:
            raise ValueError("pattern must not have the flag x")
        if part[0] == "(":
            open_groups.append([1, 0])
        elif part == ")" and len(open_groups) > 1:
            held, last = open_groups.pop()
            _add(open_groups[-1], held + last)
        elif (repeat := _REPEAT.fullmatch(part)) is not None:
            group[1] *= max(1, int(repeat[2] or repeat[1]))
        elif part not in "*+?":
            _add(group, size_of(part))
    return sum(held + last for held, last in open_groups)


def _add(group: list[int], size: int) -> None:
    group[0] += group[1]
    group[1] = size


def _end_of_part(pattern: str, place: int) -> int:
    if pattern[place] == "[":
        return _end_of_class(pattern, place)
    found = _PART.match(pattern, place)
    return place + 1 if found is None else found.end()


def _end_of_class(pattern: str, place: int) -> int:
    """After the bracket that closes the one at `place`; sets may hold sets."""
    depth, first = 0, False
    while place < len(pattern):
        char = pattern[place]
        if char == "\\":
            place += 2
            first = False
            continue
        if char == "[":
            depth += 1
            first = True
        elif char == "]" and not first:
            depth -= 1
            if depth == 0:
                return place + 1
        elif char != "^" or not first:
            first = False
        place += 1
    return len(pattern)
