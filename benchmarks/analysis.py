"""How often the analysis takes back an identical image, and how soon it finds a bad one.

Releases of a service of three pods by the default canary, simulated with what makes real pods
differ by nothing but chance: `python -m benchmarks.analysis [RUNS]`.
"""

import random
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from math import exp, log, log1p, sqrt
from statistics import NormalDist

from cms_operator.api.analysis_status import AnalysisStatus
from cms_operator.api.fields.analysis import Analysis
from cms_operator.rollout.analysis.counters import Counts, Tally
from cms_operator.rollout.analysis.judge import Measured, fold, is_suspicious

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
BOUNDS = (1000, 2500, 5000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000)
PODS = 3
STEP_SECONDS = 60
# A cold cache: ever fewer answers take so many times longer.
COLD_FACTOR = 10.0
WARM_AFTER = 60.0
_NEVER = 1e-9
# One pod of three, two of three, all of them while the old ones are gone.
STEPS = (1, 2, 3)


@dataclass(frozen=True)
class Service:
    """What all pods have in common, and by how much they differ.

    `retries` is how many errors come of one cause, `unevenness` how much the error rate of a pod
    changes from one interval to the next, `difference` how much it and the latency differ from pod
    to pod, `bursts` how often in an hour a pod has a bad second of its own, and `blips` how often
    all of them lose what they use for a while.
    """

    rate: float = 30.0
    errors: float = 0.001
    median_seconds: float = 0.008
    retries: float = 2.0
    unevenness: float = 0.4
    difference: float = 0.15
    bursts: float = 2.0
    blips: float = 10.0
    cold_seconds: float = 8.0


@dataclass(frozen=True)
class Fault:
    """What the candidate does beyond that: a share of errors, and of answers that take longer."""

    errors: float = 0.0
    slow_share: float = 0.0
    slowness: float = 1.0


@dataclass(frozen=True)
class End:
    """`verdict` names the measure that failed, if one did."""

    verdict: str
    intervals: int
    samples: int


@dataclass
class Pod:
    error_factor: float
    latency_factor: float
    age: float = 0.0
    fault: Fault = field(default_factory=Fault)


class World:
    def __init__(self, service: Service, seed: int) -> None:
        self._service = service
        self._random = random.Random(seed)  # noqa: S311 - a simulation

    def release(self, fault: Fault, settings: Analysis) -> End:
        stable = [self._pod(Fault(), age=3600) for _ in range(PODS)]
        candidate: list[Pod] = []
        found = AnalysisStatus(since=NOON)
        elapsed, samples, count = 0.0, 0, 0
        seconds = float(settings.interval_seconds)
        found = self._measure(found, candidate, stable, seconds, settings)
        while elapsed < STEP_SECONDS * len(STEPS):
            wanted = STEPS[int(elapsed // STEP_SECONDS)]
            while len(candidate) < wanted:
                candidate.append(self._pod(fault, age=0))
            serving = stable[: PODS - wanted]
            before = found.samples
            found = self._measure(found, candidate, serving, seconds, settings)
            elapsed += seconds
            samples += found.samples - before
            count += 1
            if found.verdict == "Failed":
                return End(next(m.name for m in found.measures if m.failures), count, samples)
            sooner = 2 if is_suspicious(found, settings) else 1
            seconds = settings.interval_seconds / sooner
        return End("", count, samples)

    def _measure(
        self,
        found: AnalysisStatus,
        candidate: list[Pod],
        stable: list[Pod],
        seconds: float,
        settings: Analysis,
    ) -> AnalysisStatus:
        blip = self._chance(self._service.blips * seconds / 3600)
        outage = self._random.uniform(0.05, 0.5) if blip else 0.0
        slower = self._random.uniform(1, 4) if blip else 1.0
        mine, theirs = (
            self._tally(pods, seconds, settings.warm_up_seconds, outage, slower)
            for pods in (candidate, stable)
        )
        return fold(found, Measured(mine, theirs), settings, NOON)

    def _pod(self, fault: Fault, age: float) -> Pod:
        difference = self._service.difference
        return Pod(
            self._gamma(difference), exp(self._random.gauss(0, difference)), age=age, fault=fault
        )

    def _tally(
        self, pods: list[Pod], seconds: float, warm_up: int, outage: float, slower: float
    ) -> Tally:
        counts, warm = Counts(), Counts()
        for pod in pods:
            found = self._counts(pod, seconds, outage, slower)
            counts += found
            warm += found if pod.age >= warm_up else Counts()
            pod.age += seconds
        return Tally(len(pods), counts, warm)

    def _counts(self, pod: Pod, seconds: float, outage: float, slower: float) -> Counts:
        service = self._service
        mean = service.rate * seconds
        requests = max(0, round(self._random.gauss(mean, sqrt(mean) + 0.1 * mean)))
        share = service.errors * pod.error_factor * self._gamma(service.unevenness) + outage
        errors = sum(
            self._geometric(service.retries)
            for _ in range(self._binomial(requests, min(1.0, share / service.retries)))
        )
        if self._chance(service.bursts * seconds / 3600):
            errors += self._geometric(15)
        errors += self._binomial(requests, pod.fault.errors)
        cold = exp(-pod.age / service.cold_seconds)
        parts = self._split(
            requests,
            min(1.0, cold + pod.fault.slow_share),
            max(COLD_FACTOR if pod.age < WARM_AFTER else 1.0, pod.fault.slowness),
        )
        median = service.median_seconds * pod.latency_factor * slower
        within = dict.fromkeys(BOUNDS, 0)
        for number, factor in parts:
            below = 0
            left, passed = number, 0.0
            for bound in BOUNDS:
                reached = NormalDist(log(median * factor), 0.6).cdf(log(bound / 1_000_000))
                taken = self._binomial(left, (reached - passed) / max(1e-12, 1 - passed))
                left, passed, below = left - taken, reached, below + taken
                within[bound] += below
        return Counts(requests, min(errors, requests), requests, within)

    def _split(self, requests: int, share: float, factor: float) -> Iterator[tuple[int, float]]:
        number = self._binomial(requests, share)
        yield number, factor
        yield requests - number, 1.0

    def _chance(self, probability: float) -> bool:
        return self._random.random() < probability

    def _gamma(self, spread: float) -> float:
        """Around 1, with that standard deviation."""
        return self._random.gammavariate(spread**-2, spread**2) if spread else 1.0

    def _geometric(self, mean: float) -> int:
        return 1 + int(log(1 - self._random.random()) / log(1 - 1 / mean)) if mean > 1 else 1

    def _binomial(self, trials: int, probability: float) -> int:
        """Exact where the number is small, by the normal curve where it is not."""
        p = min(1.0, max(0.0, probability))
        if p > 0.5:  # noqa: PLR2004
            return trials - self._binomial(trials, 1 - p)
        mean = trials * p
        if mean > 30:  # noqa: PLR2004
            drawn = round(self._random.gauss(mean, sqrt(mean * (1 - p))))
            return max(0, min(trials, drawn))
        found, place = 0, 0
        while p > _NEVER and (place := place + 1 + int(log(1 - self._random.random()) / log1p(-p))):
            if place > trials:
                break
            found += 1
        return found


IDENTICAL = {
    "quiet": Service(rate=2),
    "ordinary": Service(),
    "busy": Service(rate=200),
    "without errors": Service(errors=0),
    "1 % errors": Service(errors=0.01),
    "3 % errors": Service(errors=0.03),
    "slow": Service(median_seconds=0.08),
}
FAULTS = {
    "2 % errors": Fault(errors=0.02),
    "5 % errors": Fault(errors=0.05),
    "20 % errors": Fault(errors=0.2),
    "all fail": Fault(errors=1.0),
    "5 % 100 times slower": Fault(slow_share=0.05, slowness=100),
    "5 % 40 times slower (p99: 10)": Fault(slow_share=0.05, slowness=40),
    "all 2 times slower": Fault(slow_share=1.0, slowness=2),
    "all 5 times slower": Fault(slow_share=1.0, slowness=5),
}


def ends(service: Service, fault: Fault, runs: int, seed: int = 0) -> list[End]:
    settings = Analysis()
    return [World(service, seed + number).release(fault, settings) for number in range(runs)]


def false_alarms(service: Service, runs: int, seed: int = 0) -> list[End]:
    return [end for end in ends(service, Fault(), runs, seed) if end.verdict]


def _row(cells: list[str]) -> None:
    sys.stdout.write(f"| {' | '.join(cells)} |\n")


def main(runs: int, show: Callable[[list[str]], None] = _row) -> None:
    show(["identical image, service", "taken back", "by"])
    show(["---"] * 3)
    for name, service in IDENTICAL.items():
        found = false_alarms(service, runs)
        causes = ", ".join(sorted({end.verdict for end in found}))
        show([name, f"{100 * len(found) / runs:.2f} % of {runs}", causes or "-"])
    show(["fault, requests/s of a pod", "found", "after intervals", "after requests"])
    show(["---"] * 4)
    for name, fault in FAULTS.items():
        for rate in (3, 30, 200):
            all_ends = ends(Service(rate=rate), fault, max(20, runs // 20))
            found = sorted((e for e in all_ends if e.verdict), key=lambda end: end.samples)
            share = f"{100 * len(found) / len(all_ends):.0f} %"
            middle = found[len(found) // 2] if found else None
            show(
                [f"{name}, {rate}", share]
                + ([str(middle.intervals), str(middle.samples)] if middle else ["-", "-"])
            )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
