"""Quantities are read and written as the API server does."""

from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cms_operator.api.quantities import canonical, parse

# Tried on a real API server in tests/controlplane.
SPELLINGS = [
    ("0", "0"),
    ("1", "1"),
    ("0.5", "500m"),
    (".5", "500m"),
    ("1000m", "1"),
    ("1500m", "1500m"),
    ("1000", "1k"),
    ("1024", "1024"),
    ("0.5Gi", "512Mi"),
    ("1024Mi", "1Gi"),
    ("1.5Gi", "1536Mi"),
    ("0.5Ki", "512"),
    ("1000Ki", "1000Ki"),
    ("128974848", "128974848"),
    ("129e6", "129e6"),
    ("1290e5", "129e6"),
    ("1E", "1E"),
    ("123M", "123M"),
]
# Here the server keeps the user's spelling, or rounds up to a thousandth.
UNUSUAL = [("+500m", "500m"), ("1.", "1"), ("1E3", "1e3"), ("100u", "100u")]


@pytest.mark.parametrize(("given_text", "stored"), SPELLINGS + UNUSUAL)
def test_one_value_has_one_spelling(given_text: str, stored: str) -> None:
    assert canonical(given_text) == stored


@pytest.mark.parametrize("text", ["", "m", "1mm", "-1", "1 Gi", "1gi", "Gi", "0x1", "1e", "9" * 40])
def test_what_is_no_quantity(text: str) -> None:
    with pytest.raises(ValueError, match="is not a quantity"):
        parse(text)


AMOUNTS = st.builds(
    "{}{}".format,
    st.decimals(min_value=0, max_value=99999, places=3),
    st.sampled_from(["", "m", "k", "M", "G", "Ki", "Mi", "Gi", "e3"]),
)


@given(AMOUNTS)
@example("0.597Mi")
def test_another_spelling_is_the_same_value(text: str) -> None:
    spelled = canonical(text)
    # What is left of a binary amount without its suffix would be read as a decimal one.
    assert spelled.isdecimal() or canonical(spelled) == spelled
    # The server rounds fractions of a byte, and of a nano, up.
    assert 0 <= parse(spelled) - parse(text) < Decimal(1)
