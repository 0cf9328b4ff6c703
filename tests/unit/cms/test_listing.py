"""A list goes on where there is more. The cursor of a list of entries is read back as it was given;
nothing else is taken for one.
"""

import base64
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cms_service.core.paging.cursor import Cursor
from cms_service.core.paging.pages import page_of
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


@pytest.mark.parametrize(
    ("rows", "is_cut", "last"),
    [(0, False, None), (1, False, None), (2, False, None), (3, False, 1), (1, True, 0)],
)
def test_a_page_has_a_cursor_only_where_another_follows(
    rows: int, last: int | None, *, is_cut: bool
) -> None:
    moment = datetime(2026, 1, 31, tzinfo=UTC)
    page = page_of(range(rows), 2, lambda row: (moment, UUID(int=row)), is_cut=is_cut)
    assert page.items == list(range(min(rows, 2)))
    goes_on = None if page.next_cursor is None else Cursor.decode(page.next_cursor)
    assert goes_on == (None if last is None else Cursor(moment, UUID(int=last)))
