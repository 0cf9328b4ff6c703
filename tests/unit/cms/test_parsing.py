"""Texts from outside: cursors, tokens, JSON, keys. At worst a ValueError comes of them."""

import base64
import json
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cms_service.auth.keys import parse_key_ring
from cms_service.auth.sessions import RefreshToken
from cms_service.core.endpoints.generation import parse_generation
from cms_service.core.http.request_ids import sane_or_new_id
from cms_service.core.ids import uuid7
from cms_service.core.paging.cursor import Cursor
from cms_service.core.validation import strict_json
from cms_service.migrations.files import all_migrations, combine, parse
from cms_service.migrations.service_role import scram_verifier

TIMES = st.datetimes(timezones=st.just(UTC))


@given(TIMES, st.uuids())
def test_a_cursor_leads_back_to_its_place(at: datetime, last: UUID) -> None:
    assert Cursor.decode(Cursor(at, last).encode()) == Cursor(at, last)


@given(
    st.text()
    | st.binary(min_size=24, max_size=24).map(lambda raw: base64.urlsafe_b64encode(raw).decode())
)
@example("")
@example("A" * 33)
@example("_" * 32)
def test_any_other_text_is_no_cursor_or_a_whole_one(text: str) -> None:
    cursor = None
    with suppress(ValueError):
        cursor = Cursor.decode(text)
    assert cursor is None or Cursor.decode(cursor.encode()) == cursor


@given(st.binary(min_size=16, max_size=16), st.binary(min_size=32, max_size=32))
def test_a_refresh_token_is_its_family_and_its_secret(family: bytes, secret: bytes) -> None:
    token = RefreshToken(family, secret)
    assert RefreshToken.parse(token.encode()) == token
    assert secret.hex() not in token.hash()


@given(st.text())
def test_any_other_text_is_no_refresh_token(text: str) -> None:
    with pytest.raises(ValueError, match="not a refresh token"):
        RefreshToken.parse(text)


@given(st.integers(0, 2**48 - 1), st.integers(0, 2**74 - 1))
def test_new_identifiers_are_version_7_and_sort_by_time(milliseconds: int, random: int) -> None:
    made = uuid7(milliseconds, random)
    assert (made.version, made.variant) == (7, UUID(int=0x8000 << 48).variant)
    assert made.int >> 80 == milliseconds


def nested(depth: int) -> bytes:
    return b"[" * depth + b"]" * depth


@pytest.mark.parametrize(
    "text",
    [
        nested(strict_json.MAX_DEPTH),
        b"9007199254740991",
        b"-9007199254740991",
        b"1e15",
        b"[0.0, 1e-20, -1e-20]",
        b'"\\ud83d\\ude00"',
    ],
)
def test_json_at_the_limits_is_taken(text: bytes) -> None:
    assert strict_json.loads(text) == json.loads(text)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (nested(strict_json.MAX_DEPTH + 1), "nested deeper"),
        (nested(100_000), "not valid JSON"),
        (b"9007199254740992", "a number is beyond"),
        (b"123456789012345678901234567890", "a number is beyond"),
        (b"-1e300", "a number is beyond"),
        (b"[9e-21]", "a number is not 0"),
        (b'{"a": -1e-300}', "a number is not 0"),
        (b"1e400", "not valid JSON"),
        (b"NaN", "not valid JSON"),
        (b'{"a\\u0000":1}', "NUL"),
        (b'[{"a":["\\u0000"]}]', "NUL"),
        (b'"\\ud800"', "not valid JSON"),
        (b"", "not valid JSON"),
    ],
)
def test_json_beyond_them_is_refused(text: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        strict_json.loads(text)


@given(st.binary())
def test_any_bytes_are_json_or_refused(data: bytes) -> None:
    """Any other exception fails here."""
    with suppress(ValueError):
        strict_json.check(strict_json.loads(data))


def ring(**changes: Any) -> bytes:
    key = base64.b64encode(b"k" * 32).decode()
    return json.dumps({"generation": 3, "sign": "k1", "keys": {"k1": key}} | changes).encode()


def test_a_key_ring_is_read() -> None:
    keys = parse_key_ring(ring())
    assert (keys.generation, keys.sign, dict(keys.keys)) == (3, "k1", {"k1": b"k" * 32})
    assert "kkkk" not in repr(keys)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[]",
        ring(generation="3"),
        ring(sign="k2"),
        ring(sign=None),
        ring(keys={}),
        ring(keys=[]),
        ring(keys={"k1": "not base64!"}),
        ring(keys={"k1": base64.b64encode(b"hunter2").decode()}),
        ring(keys={"k1": 5}),
        ring(keys={f"k{n}": base64.b64encode(b"k" * 32).decode() for n in range(17)}),
    ],
)
def test_a_key_ring_that_cannot_be_right_is_refused_without_repeating_it(text: bytes) -> None:
    with pytest.raises(ValueError, match=r".+") as refused:
        parse_key_ring(text)
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize("value", [b"-1", b"1.0", b"", b"9" * 17, "٣".encode(), b" 1"])
def test_a_generation_is_a_whole_number(value: bytes) -> None:
    with pytest.raises(ValueError, match="must be a whole number"):
        parse_generation(value)


@pytest.mark.parametrize("value", [b"a b", b"", b"x" * 65, b'"', b"\r\nSet-Cookie: a", b"\xff"])
def test_a_request_id_that_could_confuse_a_log_is_replaced(value: bytes) -> None:
    made = sane_or_new_id([(b"x-request-id", value)])
    assert made != value.decode("latin-1")
    assert len(made) == 32


def test_a_sane_request_id_is_kept() -> None:
    assert sane_or_new_id([(b"x-request-id", b"Root-1_2.3")]) == "Root-1_2.3"


def test_migrations_are_numbered_without_gap_and_say_who_can_still_read() -> None:
    for number, migration in enumerate(all_migrations(), start=1):
        assert migration.version == number
        assert 1 <= migration.oldest_readable <= number


@pytest.mark.parametrize(
    ("files", "complaint"),
    [
        (("0001_a.sql", "0003_b.sql"), "a gap"),
        (("0001_a.sql", "0001_b.sql"), "a double"),
        (("0001_a.sql", "0002_a.contract.sql"), "without a migration 2"),
        (("0001_a.sql", "0001_b.contract.sql"), "another name"),
        (("0001_a.sql", "0001_a.contract.sql", "0001_b.contract.sql"), "second contract"),
    ],
)
def test_files_that_make_no_order_are_refused(files: tuple[str, ...], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        combine(parse(name, "-- oldest-readable: 1\n") for name in files)


def test_a_contract_stands_beside_its_migration() -> None:
    names = ("0002_b.contract.sql", "0001_a.sql", "0002_b.sql")
    first, second = combine(parse(name, "-- oldest-readable: 1\n") for name in names)
    assert first.contract is None
    assert second.contract is not None
    assert (second.name, second.contract.name) == ("0002_b.sql", "0002_b.contract.sql")


def test_no_script_shuts_out_its_own_release() -> None:
    with pytest.raises(ValueError, match="shuts out"):
        combine([parse("0001_a.sql", "-- oldest-readable: 2\n")])


@pytest.mark.parametrize(
    ("name", "sql"),
    [("1_x.sql", "-- oldest-readable: 1\n"), ("0001_x.sql", "SELECT 1;\n-- oldest-readable: 1\n")],
)
def test_a_migration_without_number_or_promise_is_refused(name: str, sql: str) -> None:
    with pytest.raises(ValueError, match="lacks a number"):
        parse(name, sql)


def test_a_scram_verifier_is_the_one_of_rfc_7677() -> None:
    """Its example: user `user`, password `pencil`; the keys follow from salt and iterations."""
    salt = base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ==")
    assert scram_verifier("pencil", salt) == (
        "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$"
        "WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
    )


def test_a_password_that_would_need_normalising_is_refused() -> None:
    with pytest.raises(ValueError, match="ASCII"):
        scram_verifier("zażółć", b"0" * 16)
