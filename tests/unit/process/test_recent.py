"""Memory of what was used last is bounded, and the most used stays in it."""

from hypothesis import given
from hypothesis import strategies as st

from cms_operator.recent import Recent


def test_what_was_not_used_for_the_longest_time_goes_first() -> None:
    recent: Recent[str, int] = Recent(2)
    recent.put("a", 1)
    recent.put("b", 2)
    assert recent.get("a") == 1
    recent.put("c", 3)
    assert [recent.get(key) for key in "abc"] == [1, None, 3]


def test_what_is_forgotten_is_gone() -> None:
    recent: Recent[str, int] = Recent(2)
    recent.put("a", 1)
    recent.forget("a")
    recent.forget("never there")
    assert recent.get("a") is None


@given(st.lists(st.tuples(st.integers(0, 9), st.booleans())), st.integers(1, 4))
def test_it_knows_the_last_values_of_the_last_keys(uses: list[tuple[int, bool]], most: int) -> None:
    recent: Recent[int, int] = Recent(most)
    last: list[tuple[int, int]] = []
    for number, (key, writes) in enumerate(uses):
        if writes:
            recent.put(key, number)
        known = [(number, key)] if writes else [(n, k) for n, k in last if k == key]
        last = ([(n, k) for n, k in last if k != key] + known)[-most:]
        found = recent.get(key)
        assert found == (known[0][0] if known else None)


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 50))))
def test_all_together_never_weigh_more_than_they_may(puts: list[tuple[int, int]]) -> None:
    recent: Recent[int, int] = Recent(8, heaviest=100)
    for key, weight in puts:
        recent.put(key, weight, weight)
        assert recent.get(key) == weight, "the newest stays"
    assert sum(recent.get(key) or 0 for key in range(10)) <= 100


def test_what_is_too_heavy_by_itself_is_not_kept() -> None:
    recent: Recent[str, int] = Recent(8, heaviest=100)
    recent.put("a", 1, 101)
    assert recent.get("a") is None
    recent.put("b", 1, 100)
    assert recent.get("b") == 1
