"""What a provider of a measure is told, and what it gives back."""

from dataclasses import dataclass

_LONGEST = 200


@dataclass(frozen=True, slots=True)
class MeasureContext:
    """The release that is judged; `candidate` and `stable` are names of revisions."""

    namespace: str
    name: str
    candidate: str
    stable: str
    candidate_replicas: int
    stable_replicas: int


@dataclass(frozen=True, slots=True)
class Reading:
    """One measurement by a provider, of the candidate and, where it tells, of stable.

    With `error` the provider is away or answers nonsense, which says nothing about the
    candidate. Without it and with `passed` None there is no data, or no clear verdict.
    """

    measure: str
    value: float | None = None
    stable: float | None = None
    passed: bool | None = None
    error: str = ""
    detail: str = ""


def readable(text: str) -> str:
    """Another's text as it may stand in a status: one short line, nothing that steers a screen."""
    visible = (character if character.isprintable() else " " for character in text[: 10 * _LONGEST])
    line = " ".join("".join(visible).split())
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"
