"""What an entry's ETag tells of what its reader has seen."""

import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cms_service.entries.seen import Seen, etag, seen

MICROSECONDS = 1_000_000
MOMENTS = st.integers(1_600_000_000 * MICROSECONDS, 4_000_000_000 * MICROSECONDS).map(
    lambda at: datetime.fromtimestamp(at / MICROSECONDS, UTC)
)
VERSIONS, REWRITTEN = st.integers(1, 999_999_999), st.integers(0, 2**31 - 1)


@given(VERSIONS, REWRITTEN, MOMENTS | st.none())
def test_a_tag_stands_for_what_was_read(
    version: int, rewritten: int, published_at: datetime | None
) -> None:
    tag = etag(version, rewritten, published_at)
    assert re.fullmatch(r'"[0-9]{1,9}(-[0-9a-f]{1,16})?"', tag), "what earlier releases take"
    assert seen(tag).holds(version, rewritten)
    assert not seen(tag).holds(version, rewritten + 1)
    assert not seen(tag).holds(version + 1, rewritten)


@pytest.mark.parametrize("tag", ['"3"', '"3-651d34b5f2c00"'])
def test_a_version_alone_or_a_tag_of_an_earlier_release_stays_good(tag: str) -> None:
    assert seen(tag) == Seen(3)
    assert seen(tag).holds(3, 7)
