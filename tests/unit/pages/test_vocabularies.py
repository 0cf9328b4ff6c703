"""Pages that list all kinds of fields, or all permissions, leave none out."""

import re

from cms_service.auth.permissions import Permission
from tests.support.field_kinds import KINDS
from tests.support.pages import DOCS

_ATTRIBUTES = ["id", "publishedat"]


def rows(page: str, heading: str) -> list[str]:
    """The first column of the table with this heading."""
    text = (DOCS / page).read_text()
    table = text.partition(f"| {heading} |")[2].partition("\n\n")[0]
    return re.findall(r"^\| (.*?) \|", table, re.MULTILINE)[1:]


def test_each_kind_has_a_row_that_tells_its_values_and_options() -> None:
    assert sorted(rows("content-types.md", "kind")) == sorted(f"`{kind}`" for kind in KINDS)


def test_each_kind_is_among_those_that_lists_are_filtered_by_or_not() -> None:
    told = " , ".join(rows("delivery.md", "kind of field")).replace("without `exists`", "")
    names = [re.sub("[^a-z]", "", name.lower()) for name in re.split("[,;]", told)]
    assert sorted(names) == sorted([*KINDS, *_ATTRIBUTES])


def test_each_permission_is_named() -> None:
    text = (DOCS / "tenants-and-people.md").read_text()
    listed = text.partition("\nThe permissions are ")[2].partition("\n\n")[0]
    assert sorted(re.findall("`(.*?)`", listed)) == sorted(Permission)
