"""What follows from each status of the API server is as its module's table says."""

import pytest

from cms_operator.cluster.transport import api_error
from cms_operator.cluster.transport.api_error import ApiError

ROWS = [line.split() for line in str(api_error.__doc__).splitlines() if "  " in line]
STATUSES = [int(status) for status in ROWS[0][1:]]
NAMES = {"is_not_found", "is_conflict", "lacks_a_right"} | {name for name, *_ in ROWS[1:]}


@pytest.mark.parametrize("row", ROWS[1:], ids=lambda row: row[0])
def test_a_status_has_the_consequences_of_the_table(row: list[str]) -> None:
    name, *marks = row
    found = {status: getattr(ApiError(status, "Why", "why"), name) for status in STATUSES}
    assert found == {status: mark == "x" for status, mark in zip(STATUSES, marks, strict=True)}


def test_the_table_has_every_consequence() -> None:
    properties = {name for name, found in vars(ApiError).items() if isinstance(found, property)}
    assert properties == NAMES


OF_NO_RIGHT = (
    'services is forbidden: User "system:serviceaccount:a:operator" cannot list resource '
    '"services" in API group "" in the namespace "team-a"'
)
OF_A_QUOTA = (
    'services "shop" is forbidden: exceeded quota: few, requested: services.loadbalancers=1'
)
OF_THE_END = (
    'deployments.apps "shop" is forbidden: unable to create new content in namespace team-a '
    "because it is being terminated"
)
OF_A_WEBHOOK = 'admission webhook "rules.example.com" denied the request: you cannot'


@pytest.mark.parametrize(
    ("status", "message", "lacks"),
    [
        (403, OF_NO_RIGHT, True),
        (401, "Unauthorized", True),
        (403, OF_A_QUOTA, False),
        (403, OF_THE_END, False),
        (403, OF_A_WEBHOOK, False),
        (404, OF_NO_RIGHT, False),
    ],
)
def test_a_right_is_what_the_authorizer_misses(status: int, message: str, *, lacks: bool) -> None:
    assert ApiError(status, "Forbidden", message).lacks_a_right is lacks
