"""What could not be done is tried again, ever less often, and is forgotten when it is done."""

from uuid import UUID, uuid4

from cms_service.core.background.resting import Resting
from tests.support.clock import Clock


def rest_of(entry_id: UUID, resting: Resting, clock: Clock) -> float:
    """How long it rests from now on."""
    begun = clock.now
    while entry_id in resting.now():
        clock.now += 0.5
    return clock.now - begun


def test_each_try_in_vain_doubles_the_time_until_the_next_up_to_two_minutes() -> None:
    clock, entry_id = Clock(), uuid4()
    resting = Resting(clock)
    rests = []
    for _ in range(8):
        resting.add(entry_id)
        rests.append(rest_of(entry_id, resting, clock))
    assert rests == [4, 8, 16, 32, 64, 128, 128, 128]


def test_what_was_long_left_alone_begins_anew() -> None:
    clock, entry_id = Clock(), uuid4()
    resting = Resting(clock)
    for _ in range(3):
        resting.add(entry_id)
    clock.now += 1000
    assert resting.now() == []
    resting.add(entry_id)
    assert rest_of(entry_id, resting, clock) == 4


def test_no_more_are_kept_than_a_statement_should_name() -> None:
    resting = Resting(Clock())
    ids = [uuid4() for _ in range(1001)]
    for entry_id in ids:
        resting.add(entry_id)
    assert resting.now() == ids[1:]
