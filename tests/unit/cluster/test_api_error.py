"""What follows from each status of the API server is as its module's table says."""

import pytest

from cms_operator.cluster.transport import api_error
from cms_operator.cluster.transport.api_error import ApiError

ROWS = [line.split() for line in str(api_error.__doc__).splitlines() if "  " in line]
STATUSES = [int(status) for status in ROWS[0][1:]]
NAMES = {"is_not_found", "is_conflict"} | {name for name, *_ in ROWS[1:]}


@pytest.mark.parametrize("row", ROWS[1:], ids=lambda row: row[0])
def test_a_status_has_the_consequences_of_the_table(row: list[str]) -> None:
    name, *marks = row
    found = {status: getattr(ApiError(status, "Why", "why"), name) for status in STATUSES}
    assert found == {status: mark == "x" for status, mark in zip(STATUSES, marks, strict=True)}


def test_the_table_has_every_consequence() -> None:
    properties = {name for name, found in vars(ApiError).items() if isinstance(found, property)}
    assert properties == NAMES
