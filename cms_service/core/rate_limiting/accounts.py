"""What one process knows of the requests of a client or a tenant, and how many of them the other
processes have not heard of. Pure: times come in, in microseconds.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from cms_service.core.rate_limiting import gcra
from cms_service.core.rate_limiting.gcra import SECOND, Rule

_PARTS_OF_A_BURST = 100


@dataclass(frozen=True, slots=True)
class Policy:
    """A limit in the words of draft-ietf-httpapi-ratelimit-headers: q requests in w seconds, of
    which r are left, and all of them in t seconds.
    """

    name: str
    rule: Rule
    header: bytes
    state_format: bytes
    most_untold: int

    @classmethod
    def of(cls, name: str, rule: Rule | None) -> "Policy | None":
        if rule is None:
            return None
        return cls(
            name,
            rule,
            f'"{name}";q={rule.burst};w={_seconds(rule.window)}'.encode(),
            f'"{name}";r=%d;t=%d'.encode(),
            max(1, rule.burst // _PARTS_OF_A_BURST),
        )


@dataclass(slots=True)
class Account:
    """`tat` counts all that this process knows of, `untold` what others have not heard of yet."""

    key: str
    policy: Policy
    tat: int = 0
    untold: int = 0

    @property
    def is_behind(self) -> bool:
        """Nothing is to be taken before the others have heard."""
        return self.untold >= self.policy.most_untold

    def hear(self, told: int, asked_at: int, debt: int) -> None:
        """The others have heard of `told` requests. `debt`: how long, from `asked_at`, until all
        that they know of is paid for.
        """
        self.untold -= told
        rule = self.policy.rule
        self.tat = max(self.tat, asked_at + debt + self.untold * rule.interval)


def take(accounts: Sequence[Account], now: int) -> Account | None:
    """Takes one request from all of them, or from none; then returns one that had nothing left."""
    for account in accounts:
        if gcra.take(account.policy.rule, account.tat, now) is None:
            return account
    for account in accounts:
        account.tat = gcra.charge(account.policy.rule, account.tat, now, 1)
        account.untold += 1
    return None


def figures(accounts: Sequence[Account], now: int) -> tuple[int, ...]:
    """What the formats of the accounts' states take, one after the other."""
    found: list[int] = []
    for account in accounts:
        tat = account.tat
        found.append(gcra.remaining(account.policy.rule, tat, now))
        found.append(_seconds(tat - now) if tat > now else 0)
    return tuple(found)


def _seconds(microseconds: int) -> int:
    return -(-microseconds // SECOND)
