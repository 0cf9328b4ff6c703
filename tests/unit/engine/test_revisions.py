"""Revisions as people see them."""

from typing import Any

import pytest

from cms_operator.api import parse
from cms_operator.rollout.decide import Decision, Phase
from cms_operator.rollout.family import Family
from cms_operator.rollout.revisions import kept_records, version_of
from tests.support.specs import manifest


def labelled(name: str, /, **fields: Any) -> dict[str, Any]:
    return {"metadata": {"labels": {"headlesscms.io/revision": name}}, **fields}


def test_a_revision_that_is_retired_counts_as_history_at_once() -> None:
    records = {name: labelled(name, revision=number) for number, name in enumerate("abc")}
    family = Family({"ControllerRevision": records, "Deployment": {"b": labelled("b")}})
    hcms = parse(manifest({"rollout": {"revisionHistoryLimit": 1}}))
    done = Decision(target="c", phase=Phase.HEALTHY, sizes={"c": 3}, stable="c", retire=("b",))
    assert kept_records(hcms, family, done) == {"b", "c"}


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
