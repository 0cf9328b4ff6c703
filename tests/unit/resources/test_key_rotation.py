"""The rotation of the signing key: no token is ever refused for it."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cms_operator.api.status import JwtKeysStatus
from cms_operator.resources.secrets import key_rotation
from cms_operator.resources.secrets.jwt_keys import Ring
from cms_operator.resources.secrets.key_rotation import (
    MARGIN,
    RotationPhase,
    RotationRequest,
    RotationStep,
    first_step,
    needs_pods,
    next_step,
    token_life,
)

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
LIFE = timedelta(minutes=15)
OLD, NEW, USERS = b"o" * 32, b"n" * 32, b"u" * 32
ONE = Ring(1, "k1", {"k1": OLD})
GROWN = Ring(2, "k1", {"k1": OLD, "k2": NEW})
SIGNING = Ring(3, "k2", {"k1": OLD, "k2": NEW})
RETIRED = Ring(4, "k2", {"k2": NEW})
NOTHING = RotationRequest(None, None)
ASKED = RotationRequest("today", None)


def status(
    ring: Ring, phase: RotationPhase, handled: str | None = None, age: int = 0
) -> JwtKeysStatus:
    since = NOW - timedelta(seconds=age)
    return JwtKeysStatus(
        generation=ring.generation, phase=phase, handled_request=handled, since=since
    )


def step(
    ring: Ring, before: JwtKeysStatus | None, wanted: RotationRequest, reported: Sequence[int] = ()
) -> RotationStep:
    return next_step(ring, before, wanted, reported, LIFE, NOW, lambda length: NEW[:length])


def test_without_a_request_nothing_changes_and_no_pod_is_asked() -> None:
    before = status(ONE, "Stable", "yesterday")
    after = step(ONE, before, RotationRequest("yesterday", OLD))
    assert after == RotationStep(ONE, before)
    assert not needs_pods(before)


def test_a_new_one_has_handled_the_request_that_it_was_made_with() -> None:
    made = first_step(ONE, ASKED, NOW)
    assert step(made.ring, made.status, ASKED).ring == ONE


@pytest.mark.parametrize(
    ("wanted", "key"),
    [(ASKED, NEW), (RotationRequest(None, USERS), USERS), (RotationRequest("today", USERS), USERS)],
)
def test_a_request_adds_a_key_that_does_not_sign_yet(wanted: RotationRequest, key: bytes) -> None:
    after = step(ONE, status(ONE, "Stable"), wanted)
    assert after.ring == Ring(2, "k1", {"k1": OLD, "k2": key})
    assert (after.status.phase, after.status.handled_request) == ("Verifying", wanted.annotation)


def test_a_key_of_the_users_own_is_rotated_in_their_secret_alone() -> None:
    """One of ours would sign for a while, and theirs, which has leaked, again after it."""
    after = step(ONE, status(ONE, "Stable"), RotationRequest("today", OLD))
    assert after.ring == ONE
    assert (after.status.phase, after.status.handled_request) == ("Stable", "today")


@pytest.mark.parametrize(
    ("phase", "ring", "reported", "then", "ring_then"),
    [
        ("Verifying", GROWN, [2, 2], "Signing", SIGNING),
        ("Verifying", GROWN, [2, 1], "Verifying", GROWN),
        ("Verifying", GROWN, [2, 0], "Verifying", GROWN),
        ("Signing", SIGNING, [3, 3], "Retiring", SIGNING),
        ("Signing", SIGNING, [3, 2], "Signing", SIGNING),
        ("Signing", SIGNING, [4, 3], "Retiring", SIGNING),
    ],
)
def test_each_step_waits_until_all_pods_have_the_ring(
    phase: RotationPhase, ring: Ring, reported: list[int], then: str, ring_then: Ring
) -> None:
    after = step(ring, status(ring, phase), NOTHING, reported)
    assert (after.status.phase, after.ring) == (then, ring_then)
    assert after.again is not None


@pytest.mark.parametrize(("missing", "phase"), [(1, "Retiring"), (0, "Stable"), (-1, "Stable")])
def test_the_old_key_goes_when_its_last_token_has_run_out(missing: int, phase: str) -> None:
    age = int((LIFE + MARGIN).total_seconds()) - missing
    after = step(SIGNING, status(SIGNING, "Retiring", age=age), NOTHING)
    assert after.status.phase == phase
    assert ("k1" in after.ring.keys) is (phase == "Retiring")
    assert after.again == (missing if phase == "Retiring" else None)


def test_the_last_token_may_be_of_a_revision_that_gave_longer_ones() -> None:
    day = {"ACCESS_TOKEN_SECONDS": "86400"}
    assert token_life(900, [day, {"ACCESS_TOKEN_SECONDS": "900"}]) == timedelta(days=1)
    assert token_life(900, []) == timedelta(minutes=15)


def test_the_wait_begins_when_every_pod_signs_with_the_new_key() -> None:
    before = status(SIGNING, "Signing", age=100_000)
    retiring = step(SIGNING, before, NOTHING, [3])
    assert retiring.status.since == NOW
    assert step(retiring.ring, retiring.status, NOTHING).status.phase == "Retiring"


def test_a_second_wish_waits_for_the_end_of_the_first_rotation() -> None:
    wanted = RotationRequest("tomorrow", None)
    rotating: list[tuple[RotationPhase, Ring]] = [
        ("Verifying", GROWN),
        ("Signing", SIGNING),
        ("Retiring", SIGNING),
    ]
    for phase, ring in rotating:
        after = step(ring, status(ring, phase, "today"), wanted, [0])
        assert after.ring == ring
        assert after.status.handled_request == "today"
    after = step(ONE, status(ONE, "Stable", "today"), wanted)
    assert after.status.phase == "Verifying"


def test_a_ring_whose_status_was_not_written_is_followed_up_and_not_grown_again() -> None:
    """The operator was killed between the two writes."""
    after = step(GROWN, status(ONE, "Stable"), ASKED)
    assert after.ring == GROWN
    assert (after.status.phase, after.status.handled_request) == ("Verifying", "today")


@pytest.mark.parametrize(
    ("ring", "before"),
    [
        pytest.param(SIGNING, status(GROWN, "Verifying", "today"), id="sign with the new key"),
        pytest.param(RETIRED, status(SIGNING, "Retiring", "today"), id="retire the old key"),
        pytest.param(SIGNING, status(RETIRED, "Stable", "today"), id="a ring seen late"),
        pytest.param(GROWN, status(RETIRED, "Stable", "today"), id="a ring seen very late"),
    ],
)
def test_a_key_that_leaks_while_a_rotations_status_is_not_written_is_rotated_too(
    ring: Ring, before: JwtKeysStatus
) -> None:
    """The status was refused because of the annotation itself, or a new leader's copy of the
    ring is older than the status.
    """
    leaked = RotationRequest("tomorrow", None)
    after = step(ring, before, leaked, [0])
    a_key_was_made = after.ring.newest != ring.newest
    assert after.status.handled_request == ("tomorrow" if a_key_was_made else "today")


@pytest.mark.parametrize(("ring", "phase"), [(GROWN, "Verifying"), (SIGNING, "Signing")])
def test_a_lost_status_never_skips_the_question_to_the_pods(ring: Ring, phase: str) -> None:
    after = step(ring, None, NOTHING)
    assert (after.ring, after.status.phase) == (ring, phase)
    assert needs_pods(after.status)


rings = st.sampled_from([ONE, GROWN, SIGNING, Ring(7, "k4", {"k3": OLD, "k4": NEW})])
phases: st.SearchStrategy[RotationPhase] = st.sampled_from(
    ["Stable", "Verifying", "Signing", "Retiring"]
)
statuses = st.none() | st.builds(
    status, rings, phases, st.sampled_from([None, "today"]), st.integers(0, 5000)
)
requests = st.builds(
    RotationRequest,
    st.sampled_from([None, "today", "tomorrow"]),
    st.sampled_from([None, OLD, USERS]),
)


@given(rings, statuses, requests, st.lists(st.integers(0, 9), max_size=3))
def test_no_state_is_a_dead_end_and_none_loses_the_key_that_signs(
    ring: Ring, before: JwtKeysStatus | None, wanted: RotationRequest, reported: list[int]
) -> None:
    asked = reported if needs_pods(before) else []
    after = step(ring, before, wanted, asked)
    assert after.ring.keys[ring.sign] == ring.keys[ring.sign]
    assert 1 <= len(after.ring.keys) <= 2
    assert after.ring.generation - ring.generation == (after.ring != ring)
    assert after.status.phase == "Stable" or after.again is not None


@given(requests, st.lists(st.integers(0, 1), min_size=1, max_size=3))
def test_every_rotation_comes_to_its_end_once_the_pods_follow(
    wanted: RotationRequest, laggards: list[int]
) -> None:
    ring, now, before = ONE, NOW, first_step(ONE, NOTHING, NOW).status
    for turn in range(20):
        generation = ring.generation - (laggards[turn] if turn < len(laggards) else 0)
        reported = [generation] if key_rotation.needs_pods(before) else []
        after = next_step(ring, before, wanted, reported, LIFE, now, lambda length: NEW[:length])
        signing_key_was_known = ring.sign == after.ring.sign or after.ring.sign in ring.keys
        assert signing_key_was_known
        ring, before = after.ring, after.status
        now += timedelta(seconds=after.again or 0)
    assert before.phase == "Stable"
    assert len(ring.keys) == 1
    if wanted.user_value:
        assert wanted.user_value in ring.keys.values()
