"""What people ask by annotations, and whose name stands on it."""

import pytest

from cms_operator.observed.request_annotations import requests


def test_requests_are_annotations_and_no_others() -> None:
    annotations = {
        "headlesscms.io/promote": "a1:2026",
        "headlesscms.io/abort": "x" * 129,
        "headlesscms.io/migrate": "now",
        "example.com/retry": "a1",
    }
    (found,) = requests(annotations, stamped=True)
    assert (found.verb, found.revision, found.value) == ("promote", "a1", "a1:2026")


@pytest.mark.parametrize(
    ("stamp", "stamped", "by"),
    [
        ({"headlesscms.io/abort-by": "alice"}, True, "alice"),
        ({"headlesscms.io/abort-by": "u" * 999}, True, "u" * 256),
        ({"headlesscms.io/promote-by": "alice"}, True, "unverified"),
        ({"headlesscms.io/abort-by": "alice"}, False, "unverified"),
    ],
)
def test_a_stamp_counts_where_policies_guard_it(
    stamp: dict[str, str],
    stamped: bool,  # noqa: FBT001  - a column of the table
    by: str,
) -> None:
    (found,) = requests({"headlesscms.io/abort": "a1", **stamp}, stamped=stamped)
    assert found.by == by
