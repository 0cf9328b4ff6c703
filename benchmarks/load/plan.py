"""What is sent when: decided before the first request, whatever the answers are."""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Route:
    """`share` of all requests; `ok` is the status of success."""

    name: str
    method: str
    path: str
    share: float
    ok: int = 200
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()

    def encode(self, host: str) -> bytes:
        lines = [f"{self.method} {self.path} HTTP/1.1", f"Host: {host}"]
        lines += [f"{name}: {value}" for name, value in self.headers]
        if self.method not in {"GET", "HEAD"}:
            lines += ["Content-Type: application/json", f"Content-Length: {len(self.body)}"]
        return "".join(f"{line}\r\n" for line in (*lines, "")).encode() + self.body


@dataclass(frozen=True)
class Phase:
    """`rate`: requests per second of all processes together."""

    name: str
    seconds: float
    rate: float


@dataclass(frozen=True)
class Arrival:
    """`due` in seconds from the start."""

    due: float
    phase: str
    route: str


def arrivals(
    phases: tuple[Phase, ...], shares: Mapping[str, float], part: float, seed: int
) -> Iterator[Arrival]:
    """`part` of the load, which is one process'. As of many clients that know nothing of one
    another: the times between two requests have an exponential distribution.
    """
    chance = random.Random(seed)  # noqa: S311 - a load that can be repeated
    names, weights = list(shares), list(shares.values())
    begin = 0.0
    for phase in phases:
        due, end = begin, begin + phase.seconds
        while (due := due + chance.expovariate(phase.rate * part)) < end:
            yield Arrival(due, phase.name, chance.choices(names, weights)[0])
        begin = end
