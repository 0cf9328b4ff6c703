"""What `kubectl hcms history` and `diff` show."""

import pytest

from cms_operator.cli.history import UnknownRevisionError, diff, find, history
from tests.unit.cli.objects import NOW, hcms, record, rollout

OLD = {"image": "cms:1", "pod": {"env": [{"name": "A", "value": "1"}]}, "logLevel": "debug"}
NEW = {"image": "cms:2", "pod": {"env": [{"name": "A", "value": "2"}]}, "restart": "a:1"}
RECORDS = [
    record("a", 2, OLD, {"HCMS_REVISION": "a", "LOG_LEVEL": "debug"}),
    record("b", 3, NEW, {"HCMS_REVISION": "b", "LOG_LEVEL": "info"}),
    record("0", 1, OLD, {}),
]
HISTORY = """\
NUMBER   REVISION   AGE   STABLE    WHAT       IMAGE
3        b          60m   never     on trial   cms:2
2        a          60m   47h ago   stable     cms:1
1        0          60m   2d ago               cms:1"""
DIFF = """\
--- a
+++ b
-environment.LOG_LEVEL: debug
+environment.LOG_LEVEL: info
-image: cms:1
+image: cms:2
-logLevel: debug
-pod.env[0].value: 1
+pod.env[0].value: 2
+restart: a:1"""


def test_the_newest_revision_comes_first() -> None:
    assert history(hcms(rollout=rollout()), RECORDS, NOW) == HISTORY.split("\n")


def test_a_difference_is_told_field_by_field() -> None:
    assert diff(find(RECORDS, "a"), find(RECORDS, "b")) == DIFF.split("\n")
    assert diff(find(RECORDS, "a"), find(RECORDS, "a")) == ["--- a", "+++ a"]


@pytest.mark.parametrize(
    ("name", "words"), [("x", "x is not on record"), ("", "is the beginning of several")]
)
def test_a_revision_that_is_not_there_is_an_error(name: str, words: str) -> None:
    with pytest.raises(UnknownRevisionError, match=words):
        find(RECORDS, name)


def test_a_record_of_somebody_else_is_no_revision() -> None:
    with pytest.raises(UnknownRevisionError, match="not the record"):
        find([{**RECORDS[0], "data": {}}], "a")
