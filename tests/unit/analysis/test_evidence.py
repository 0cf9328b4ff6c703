"""How sure one may be: small numbers prove nothing, and neither does one bad second."""

from hypothesis import given
from hypothesis import strategies as st

from benchmarks import analysis as simulation
from cms_operator.api.analysis_status import EvidenceStatus
from cms_operator.rollout.analysis import evidence
from cms_operator.rollout.analysis.evidence import PROOF, Evidence, odds_of, surely_below

SHARES = st.floats(0.001, 0.9)


def after(*intervals: tuple[int, int], share: float = 0.01) -> Evidence:
    found = Evidence()
    for hits, trials in intervals:
        found = found.after(hits, trials, odds_of(share))
    return found


def test_one_error_of_three_requests_proves_nothing() -> None:
    assert after((1, 3)).log < PROOF


def test_the_same_again_and_again_does() -> None:
    assert after(*[(1, 3)] * 20).log > PROOF


def test_one_interval_never_proves_anything_and_two_clear_ones_do() -> None:
    assert after((1000, 1000)).log < PROOF
    assert after((1000, 1000), (1000, 1000)).log >= PROOF


def test_alone_it_takes_three() -> None:
    found = Evidence()
    proven = []
    for _ in range(3):
        found = found.after(1000, 1000, odds_of(0.01), least_intervals=evidence.ALONE)
        proven.append(found.log >= PROOF)
    assert proven == [False, False, True]


def test_however_long_it_goes_on_the_status_can_keep_it() -> None:
    """Above the limit beside a stable revision that is no better, for half a day."""
    found = Evidence()
    for _ in range(5_000):
        found = found.after(1000, 1000, odds_of(0.01))
    EvidenceStatus(logs=found.logs, moments=found.moments)
    assert found.log >= PROOF


@given(st.lists(st.integers(0, 2000), max_size=50))
def test_what_goes_bad_late_is_found_as_soon(quiet: list[int]) -> None:
    """However long all was well, two clear intervals are enough."""
    history = [(0, requests) for requests in quiet]
    assert after(*history, (900, 1000), (900, 1000)).log >= PROOF


@given(SHARES, st.integers(0, 200), st.integers(0, 200))
def test_one_bet_is_fair(share: float, trials: int, moments: int) -> None:
    """Summed over all that may happen it is expected to give back no more than the stake."""
    before = Evidence(moments=moments)
    chances = [1.0 if trials == 0 else (1 - share) ** trials]
    for hits in range(1, trials + 1):
        chances.append(chances[-1] * (trials - hits + 1) / hits * share / (1 - share))
    if min(chances) == 0.0 and sum(chances) < 0.99:  # too small for floating-point numbers
        return
    stake = 1 / (moments + 1) / (moments + 2) if trials else 1e-9
    expected = sum(
        chance * 2.718281828 ** before.after(hits, trials, odds_of(share)).log
        for hits, chance in enumerate(chances)
    )
    assert expected <= stake * 1.01 + 1e-9


@given(st.integers(0, 50), st.integers(50, 10_000))
def test_the_bound_of_a_share_is_above_what_was_seen(hits: int, trials: int) -> None:
    assert hits / trials <= surely_below(hits, trials) <= 1


def test_a_service_that_was_never_asked_may_be_anything() -> None:
    assert surely_below(0, 0) == 1.0


def test_an_identical_image_is_taken_back_in_at_most_one_of_a_hundred_runs() -> None:
    """Under load, with cold caches, bad seconds and common outages; a bigger run is a benchmark."""
    for name in ("quiet", "ordinary", "3 % errors"):
        found = simulation.false_alarms(simulation.IDENTICAL[name], 100)
        assert len(found) <= 1, name


def test_what_is_found_after_how_many_samples() -> None:
    """The rows that docs/rollouts/analysis.md shows, by order of magnitude."""
    service = simulation.Service()
    for fault, measure, most in (
        ("5 % errors", "errors", 2000),
        ("20 % errors", "errors", 1000),
        ("5 % 100 times slower", "latency-p99", 4000),
        ("all 5 times slower", "latency-p50", 3000),
    ):
        found = simulation.ends(service, simulation.FAULTS[fault], 20)
        hit = [end.samples for end in found if end.verdict == measure]
        assert len(hit) >= 18, fault
        assert sorted(hit)[len(hit) // 2] <= most, fault
