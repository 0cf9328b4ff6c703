"""Processes that count by themselves and tell each other later keep to the limit together, but for
what they may leave untold.
"""

from hypothesis import given
from hypothesis import strategies as st

from cms_service.core.rate_limiting import accounts, gcra
from cms_service.core.rate_limiting.accounts import Account, Policy
from cms_service.core.rate_limiting.gcra import SECOND, Rule

RULES = st.builds(Rule, st.integers(1, 400), st.integers(1, SECOND))
START = 10**12
# After which a pod tells what it has let through.
LATE = SECOND // 20


def policy(rule: Rule) -> Policy:
    made = Policy.of("client", rule)
    assert made is not None
    return made


class Pods:
    """They tell a store, as Redis is one, what they let through."""

    def __init__(self, rule: Rule, count: int) -> None:
        self._rule = rule
        self._store = 0
        self._due: dict[int, int] = {}
        self.accounts = [Account("key", policy(rule)) for _ in range(count)]
        self.admitted: list[int] = []

    def ask(self, pod: int, now: int) -> bool:
        for late, due in sorted(self._due.items(), key=lambda item: item[1]):
            if due <= now:
                self.tell(late, due)
        account = self.accounts[pod]
        if account.is_behind:
            self.tell(pod, now)
        if accounts.take([account], now) is not None:
            return False
        self._due.setdefault(pod, now + LATE)
        self.admitted.append(now)
        return True

    def tell(self, pod: int, now: int) -> None:
        account = self.accounts[pod]
        self._due.pop(pod, None)
        self._store = gcra.charge(self._rule, self._store, now, account.untold)
        account.hear(account.untold, now, self._store - now)


EVENTS = st.lists(
    st.tuples(st.integers(0, 2), st.integers(0, SECOND), st.integers(1, 60), st.booleans()),
    max_size=60,
)


@given(RULES, EVENTS)
def test_no_stretch_of_time_has_more_than_the_limit_and_what_pods_may_leave_untold(
    rule: Rule, events: list[tuple[int, int, int, bool]]
) -> None:
    pods, now = Pods(rule, 3), START
    for pod, gap, requests, tells in events:
        now += gap
        for _ in range(requests):
            pods.ask(pod, now)
        if tells:
            pods.tell(pod, now)
    too_many = len(pods.accounts) * policy(rule).most_untold
    for first, begin in enumerate(pods.admitted):
        for last in range(first, len(pods.admitted)):
            elapsed = pods.admitted[last] - begin
            assert last - first + 1 <= rule.burst + elapsed // rule.interval + too_many


@given(st.integers(2, 6000), st.lists(st.tuples(st.integers(0, 2), st.integers(0, SECOND))))
def test_who_stays_below_the_rate_is_let_through_by_whichever_pod(
    quota: int, requests: list[tuple[int, int]]
) -> None:
    """What is told late counts as made then: a quota of one leaves no room for that."""
    rule = gcra.per_minute(quota)
    assert rule is not None
    pods, now = Pods(rule, 3), START
    for pod, pause in requests:
        now += rule.interval + pause
        assert pods.ask(pod, now)


@given(RULES, st.integers(0, 500))
def test_a_single_pod_lets_the_whole_burst_through_and_says_what_is_left(
    rule: Rule, requests: int
) -> None:
    pods = Pods(rule, 1)
    asked = [pods.ask(0, START) for _ in range(requests)]
    assert sum(asked) == min(requests, rule.burst)
    left, full = accounts.figures(pods.accounts, START)
    assert left == rule.burst - sum(asked)
    assert (full - 1) * SECOND < sum(asked) * rule.interval <= full * SECOND


def test_a_request_that_one_account_refuses_is_taken_from_none() -> None:
    client, tenant = (
        Account(name, policy(Rule(burst, SECOND))) for name, burst in (("client", 5), ("tenant", 1))
    )
    assert accounts.take([client, tenant], START) is None
    assert accounts.take([client, tenant], START) is tenant
    assert (client.untold, tenant.untold) == (1, 1)


def test_what_is_let_through_while_others_are_told_is_owed_besides_what_they_know_of() -> None:
    account = Account("key", policy(Rule(10, SECOND)))
    for _ in range(4):
        assert accounts.take([account], START) is None
    account.hear(3, START, 7 * SECOND)
    assert account.untold == 1
    assert accounts.figures([account], START) == (2, 8)
