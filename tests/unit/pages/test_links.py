"""Links lead somewhere, and every page can be found."""

from pathlib import Path

import pytest

from tests.support.charts import REPOSITORY
from tests.support.pages import DOCS, PAGES, links, name, parts


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_to_files_and_their_parts(page: Path) -> None:
    for target, part in links(page):
        assert target.exists(), target
        assert not part or part in parts(target), (target, part)


def test_the_readme_leads_to_every_page_but_those_of_alerts_and_releases() -> None:
    """These have a page of their own that lists them."""
    linked = {target.resolve() for target, _ in links(REPOSITORY / "README.md")}
    assert set(DOCS.glob("*.md")) <= linked
    listed = {target.resolve() for target, _ in links(DOCS / "rollouts" / "README.md")}
    assert set((DOCS / "rollouts").glob("*.md")) <= listed | linked
