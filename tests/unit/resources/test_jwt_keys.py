"""Signing keys turn in steps; no token is refused on the way."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cms_operator.api import parse
from cms_operator.resources.secrets import jwt_keys
from cms_operator.resources.secrets.jwt_keys import Ring
from tests.support.children import no_randomness
from tests.support.specs import manifest

SHOP = parse(manifest())
MINE = b"0123456789abcdef0123456789abcdef"


def other_bytes(count: int) -> bytes:
    return bytes(reversed(range(count)))


def test_a_new_ring_has_one_key_that_signs() -> None:
    ring = jwt_keys.initial(no_randomness, None)
    assert (ring.generation, ring.sign, len(ring.keys["k1"])) == (1, "k1", 32)


def test_a_key_of_the_user_comes_first() -> None:
    assert jwt_keys.initial(no_randomness, MINE).keys == {"k1": MINE}


def test_a_rotation_step_by_step() -> None:
    ring = jwt_keys.initial(no_randomness, None)
    learnt = jwt_keys.add_key(ring, other_bytes, None)
    assert (learnt.generation, learnt.sign, set(learnt.keys)) == (2, "k1", {"k1", "k2"})
    signing = jwt_keys.sign_with_new(learnt)
    assert (signing.generation, signing.sign, set(signing.keys)) == (3, "k2", {"k1", "k2"})
    retired = jwt_keys.retire_old(signing)
    assert (retired.generation, retired.sign, set(retired.keys)) == (4, "k2", {"k2"})
    assert retired.keys["k2"] == learnt.keys["k2"]


def test_a_step_that_was_taken_is_not_taken_twice() -> None:
    signing = jwt_keys.sign_with_new(
        jwt_keys.add_key(jwt_keys.initial(no_randomness, None), other_bytes, None)
    )
    assert jwt_keys.sign_with_new(signing) == signing
    retired = jwt_keys.retire_old(signing)
    assert jwt_keys.retire_old(retired) == retired


def test_a_second_rotation_waits_for_the_first() -> None:
    learnt = jwt_keys.add_key(jwt_keys.initial(no_randomness, None), other_bytes, None)
    with pytest.raises(ValueError, match="still turns"):
        jwt_keys.add_key(learnt, no_randomness, None)


@given(st.integers(min_value=1, max_value=40))
def test_a_ring_never_grows(rotations: int) -> None:
    ring = jwt_keys.initial(no_randomness, None)
    for _ in range(rotations):
        turning = jwt_keys.sign_with_new(jwt_keys.add_key(ring, no_randomness, None))
        assert ring.keys.keys() < turning.keys.keys()
        ring = jwt_keys.retire_old(turning)
    assert ring == Ring(1 + 3 * rotations, f"k{1 + rotations}", ring.keys)
    assert len(ring.keys) == 1


def test_a_known_key_is_recognised() -> None:
    ring = jwt_keys.initial(no_randomness, MINE)
    assert jwt_keys.holds(ring, MINE)
    assert not jwt_keys.holds(ring, MINE[::-1])


def test_the_file_is_as_the_cms_reads_it() -> None:
    secret = jwt_keys.build(SHOP, jwt_keys.initial(no_randomness, MINE))
    file = json.loads(base64.b64decode(secret["data"]["keys.json"]))
    assert file == {
        "generation": 1,
        "sign": "k1",
        "keys": {"k1": base64.b64encode(MINE).decode()},
    }


def test_a_ring_is_read_back_from_its_secret() -> None:
    ring = jwt_keys.add_key(jwt_keys.initial(no_randomness, None), other_bytes, None)
    assert jwt_keys.read(jwt_keys.build(SHOP, ring)) == ring


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"generation": 1, "sign": "k1", "keys": {}}',
        '{"generation": "x", "sign": "k1", "keys": {"k1": "aGVsbG8="}}',
        '{"generation": 1, "sign": "k1", "keys": {"k1": "hunter2"}}',
        '{"generation": 1, "sign": "k1", "keys": {"k1": "aGVsbG8=", "mine": "aGVsbG8="}}',
        '{"generation": 1e400, "sign": "k1", "keys": {"k1": "aGVsbG8="}}',
        pytest.param("[" * 100_000, id="deep"),
    ],
)
def test_a_broken_ring_is_told_without_its_content(text: str) -> None:
    secret = {"data": {"keys.json": base64.b64encode(text.encode()).decode()}}
    with pytest.raises(ValueError, match=r"has no keys\.json with a ring of keys") as refused:
        jwt_keys.read(secret)
    assert "hunter2" not in str(refused.value)


def test_keys_are_not_in_a_log() -> None:
    assert "012345" not in repr(jwt_keys.initial(no_randomness, MINE))
