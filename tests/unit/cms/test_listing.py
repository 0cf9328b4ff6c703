"""The cursor of a list of entries is read back as it was given; nothing else is taken for one."""

import base64
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cms_service.entries.listing import MAX_CURSOR_LENGTH, EntryCursor, Sort

MOMENTS = st.datetimes(timezones=st.just(UTC)).map(datetime.isoformat)
SLUGS = st.from_regex(r"[a-z0-9]+(-[a-z0-9]+)*", fullmatch=True).map(lambda slug: slug[:200])
CURSORS = st.one_of(
    st.builds(
        EntryCursor,
        st.sampled_from([sort for sort in Sort if not sort.endswith("slug")]),
        MOMENTS,
        st.uuids(),
    ),
    st.builds(EntryCursor, st.sampled_from([Sort.SLUG, Sort.SLUG_BACKWARDS]), SLUGS, st.uuids()),
)


@given(CURSORS)
def test_a_cursor_is_read_back_as_it_was_given(cursor: EntryCursor) -> None:
    text = cursor.encode()
    assert EntryCursor.decode(text) == cursor
    assert len(text) <= MAX_CURSOR_LENGTH


@given(
    st.text(max_size=100) | st.binary(max_size=60).map(lambda raw: base64.b64encode(raw).decode())
)
def test_what_is_no_cursor_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        EntryCursor.decode(text)


@given(st.recursive(st.none() | st.integers(-9, 9) | st.text(max_size=5), st.lists, max_leaves=6))
def test_neither_is_any_other_json(value: object) -> None:
    with pytest.raises(ValueError, match=r".*"):
        EntryCursor.decode(base64.urlsafe_b64encode(orjson.dumps(value)).decode())


@given(st.datetimes(), st.integers(-1439, 1439))
def test_a_time_is_passed_on_in_utc_or_refused(moment: datetime, minutes: int) -> None:
    """PostgreSQL takes no offset of a whole day."""
    there = moment.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    text = EntryCursor(Sort.NEWEST, there.isoformat(), UUID(int=1)).encode()
    try:
        cursor = EntryCursor.decode(text)
    except ValueError:
        assert moment.year in {1, 9999}
    else:
        assert cursor.key.endswith("+00:00")
