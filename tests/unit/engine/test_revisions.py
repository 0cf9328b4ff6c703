"""Revisions as people see them."""

import pytest

from cms_operator.rollout.revisions import version_of


@pytest.mark.parametrize(
    ("image", "version"),
    [
        ("cms", "latest"),
        ("cms:1.2.3", "1.2.3"),
        ("registry.example:5000/team/cms", "latest"),
        ("registry.example:5000/team/cms:1.2.3", "1.2.3"),
        ("cms:1.2.3@sha256:" + "ab" * 32, "1.2.3"),
        ("cms@sha256:" + "ab" * 32, "abababababab"),
    ],
)
def test_the_version_is_the_tag_or_else_the_digest(image: str, version: str) -> None:
    assert version_of(image) == version
