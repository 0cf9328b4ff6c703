"""Where not all children can be seen nobody acts."""

import pytest

from cms_operator.cluster.kinds import CHILDREN, HEADLESS_CMS, POD, SERVICE
from cms_operator.cluster.watching.coverage import Coverage, Space


def test_a_namespace_is_worked_on_once_every_kind_was_listed_in_it() -> None:
    whole: list[Space] = []
    coverage = Coverage(("team-a", "team-b"), (POD, SERVICE), whole.append)
    coverage.listed(POD, "team-a")
    coverage.listed(POD, "team-b")
    assert not coverage.covers("team-a")
    coverage.listed(SERVICE, "team-a")
    assert (whole, coverage.covers("team-a"), coverage.covers("team-b")) == (
        ["team-a"],
        True,
        False,
    )
    coverage.listed(SERVICE, "team-a")
    coverage.listed(HEADLESS_CMS, "team-a")
    assert whole == ["team-a"], "told once"


@pytest.mark.parametrize(("spaces", "expected"), [((None,), True), (("team-a",), False)])
def test_all_of_the_cluster_is_every_namespace_and_one_is_no_other(
    spaces: tuple[Space, ...], *, expected: bool
) -> None:
    coverage = Coverage(spaces, CHILDREN, lambda _: None)
    assert not coverage.covers("team-b")
    for kind in CHILDREN:
        coverage.listed(kind, spaces[0])
    assert coverage.covers("team-b") is expected
