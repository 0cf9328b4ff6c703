"""How sure one may be that the candidate is worse, however often one looks.

A test martingale bets on the hypothesis that the candidate is worse, against the one that it is
not: if it is not, the fortune is a nonnegative process that starts at 1 and is not expected to
grow, so that it ever reaches 1/alpha with a probability of at most alpha (Ville's inequality;
Ramdas and others, Game-Theoretic Statistics and Safe Anytime-Valid Inference, 2023). Nothing is
fixed beforehand: not the number of looks, not the number of requests. Small numbers cannot win.

- A bet is on the odds that an event (an error, a slow answer) is the candidate's: with theta times
  the odds of the hypothesis. Several thetas share the stake, so that small and large differences
  are found.
- A release may go bad after an hour: the stake is divided over all moments at which that may
  begin. Only intervals that tell something count as moments.
- One interval never wins alone, whatever happens in it: pods have bad seconds. Two clear ones do,
  and three where nothing else serves at the same time: then it may be what all pods use.
- Events come in clusters (a client tries again, one stall delays all who wait): each counts
  for half.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, exp, log, log1p, sqrt

THETAS = (1.5, 4.0, 16.0, 64.0)
# At most this share of identical images is taken back; the measures divide it among them.
FALSE_ALARMS = 0.01
STATISTICAL_MEASURES = 3
ALPHA = FALSE_ALARMS / STATISTICAL_MEASURES
# Evidence of 10 to 1 is no proof, and no reason to go on either.
SUSPICION = log(10)
PROOF = log(1 / ALPHA)
# Evidence that it matters: the candidate is above what is allowed, whatever stable does.
RELEVANCE = log(20)
CLUSTER = 2.0
# Clear intervals that a proof takes: with traffic on stable, and without.
PAIRED, ALONE = 2, 3
# Kept as whole thousandths of a natural logarithm: a status has no floating-point numbers.
UNIT = 1000
# Beyond these bounds a value says nothing more.
_LEAST, _MOST = -50 * UNIT, 50 * UNIT
_LEVEL_999 = 3.09
_LEVEL_95 = 1.645


@dataclass(frozen=True, slots=True)
class Evidence:
    """`logs` is the logarithm of the stake on each theta, `moments` the intervals that told."""

    logs: tuple[int, ...] = (_LEAST,) * len(THETAS)
    moments: int = 0

    @property
    def log(self) -> float:
        """Logarithm of the fortune."""
        return _log_sum([found / UNIT for found in self.logs]) - log(len(THETAS))

    def after(
        self, hits: int, trials: int, odds: float, *, least_intervals: int = PAIRED
    ) -> "Evidence":
        """`hits` of `trials` events are the candidate's, which at worst has these odds."""
        if trials == 0:
            return self
        moments = self.moments + 1
        # 1/2 + 1/6 + 1/12 ... = 1: as much of the stake begins at this moment.
        share = -log(moments * (moments + 1))
        cap = (PROOF + log(len(THETAS)) - share) / least_intervals
        grown = []
        for theta, before in zip(THETAS, self.logs, strict=True):
            factor = hits * log(theta) - trials * log1p((theta - 1) * odds / (1 + odds))
            after = min(factor / CLUSTER, cap) + _log_sum((before / UNIT, share))
            grown.append(min(_MOST, max(_LEAST, ceil(after * UNIT))))
        return Evidence(tuple(grown), moments)


def _log_sum(logs: Sequence[float]) -> float:
    most = max(logs)
    return most + log(sum(exp(found - most) for found in logs))


def odds_of(share: float) -> float:
    return share / (1 - share)


def surely_below(hits: int, trials: int, *, level: float = _LEVEL_999) -> float:
    """Upper confidence bound of a share, good for small numbers too: 0 of 100 is below 7 %.

    An approximation of the Poisson quantile (Haldane's square root, with its shift).
    """
    if trials == 0:
        return 1.0
    return min(1.0, (hits + level * sqrt(hits + 0.75) + (level**2 + 2) / 3) / trials)


def likely_below(hits: int, trials: int) -> float:
    return surely_below(hits, trials, level=_LEVEL_95)
