"""The generic cell rate algorithm. All that is kept of a client is one time (`tat`, the theoretical
arrival time): when it will have its whole burst again. Times are whole microseconds.
"""

from dataclasses import dataclass
from functools import cached_property

SECOND = 1_000_000


@dataclass(frozen=True)
class Rule:
    """`burst` at once, and one more every `interval`."""

    burst: int
    interval: int

    @cached_property
    def window(self) -> int:
        """How long it takes for an empty burst to fill up again."""
        return self.burst * self.interval


def per_minute(quota: int) -> Rule | None:
    """None for 0: no limit. Rounded so that a minute never lets more through."""
    return Rule(quota, -(-60 * SECOND // quota)) if quota else None


def take(rule: Rule, tat: int, now: int) -> int | None:
    """The new `tat`, or None for a request too many."""
    after = max(tat, now) + rule.interval
    return after if after <= now + rule.window else None


def charge(rule: Rule, tat: int, now: int, quantity: int) -> int:
    """The new `tat` for requests that were let through already; below 0 gives them back."""
    return max(max(tat, now) + quantity * rule.interval, now)


def remaining(rule: Rule, tat: int, now: int) -> int:
    return max(0, (now + rule.window - max(tat, now)) // rule.interval)


def retry_after(rule: Rule, tat: int, now: int) -> int:
    """How long until one more is let through."""
    return max(0, tat + rule.interval - rule.window - now)
