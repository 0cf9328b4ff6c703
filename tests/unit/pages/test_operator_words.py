"""What people may ask, and what is measured: a page explains each word, and no other."""

import re
from collections.abc import Iterable
from typing import get_args

import pytest

from cms_operator.api.annotations import Verb
from cms_operator.api.fields.analysis import BuiltIn
from cms_operator.cli.main import REQUESTS
from tests.support.pages import DOCS
from tests.unit.security.fields import leaves

EXPLAINED: dict[tuple[str, str], Iterable[str]] = {
    ("rollouts/README.md", "annotation"): get_args(Verb),
    ("rollouts/analysis.md", "measure"): [*BuiltIn, "measures"],
}


def first_column(page: str, title: str) -> list[str]:
    """The words of the table whose first column has that title."""
    _, _, table = (DOCS / page).read_text().partition(f"\n| {title} |")
    cells = [line.split(" | ")[0] for line in table.partition("\n\n")[0].splitlines()[2:]]
    return re.findall(r"`([^`]+)`", " ".join(cells))


@pytest.mark.parametrize(("page", "title"), EXPLAINED)
def test_a_page_explains_each_word_and_no_other(page: str, title: str) -> None:
    assert sorted(first_column(page, title)) == sorted(EXPLAINED[page, title])


def test_the_plugin_has_a_command_for_each_request() -> None:
    assert {*REQUESTS, "promote-full"} == {*get_args(Verb)}
    page = (DOCS / "kubectl-plugin.md").read_text()
    assert [verb for verb in REQUESTS if f"`{verb} NAME" not in page] == []


def test_each_field_of_a_rollout_is_named_on_a_page_about_releases() -> None:
    """`measures` have a page of their own."""
    pages = "\n".join(page.read_text() for page in (DOCS / "rollouts").glob("*.md"))
    fields = [
        re.findall(r"\w+", path)[-1]
        for path in leaves()
        if path.startswith("rollout.") and not path.startswith("rollout.analysis.measures[]")
    ]
    assert [name for name in fields if not re.search(rf"\b{name}\b", pages)] == []
