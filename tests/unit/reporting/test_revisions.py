"""Revisions as people see them."""

from typing import Any

import pytest

from cms_operator.api import parse
from cms_operator.api.status import RevisionStatus, Status
from cms_operator.observed.family import Family
from cms_operator.reporting.revisions import version_of
from cms_operator.rollout.decision import Decision, DecisionPhase
from cms_operator.rollout.history import kept_records
from tests.support.specs import manifest
from tests.unit.rollout.pictures import NOON, later


def labelled(name: str, /, **fields: Any) -> dict[str, Any]:
    return {"metadata": {"labels": {"headlesscms.io/revision": name}}, **fields}


def test_a_revision_that_is_retired_counts_as_history_at_once() -> None:
    records = {name: labelled(name, revision=number) for number, name in enumerate("abc")}
    family = Family({"ControllerRevision": records, "Deployment": {"b": labelled("b")}})
    hcms = parse(manifest({"rollout": {"revisionHistoryLimit": 1}}))
    done = Decision(
        target="c", phase=DecisionPhase.HEALTHY, sizes={"c": 3}, stable="c", retire=("b",)
    )
    assert kept_records(hcms, family, done, Status(stable_revision="b")) == {"b", "c"}


def test_the_way_back_of_a_rollout_is_on_record_also_where_its_deployment_is_lost() -> None:
    records = {name: labelled(name, revision=number) for number, name in enumerate("ab")}
    family = Family({"ControllerRevision": records, "Deployment": {"b": labelled("b")}})
    hcms = parse(manifest({"rollout": {"revisionHistoryLimit": 0}}))
    bakes = Decision(target="b", phase=DecisionPhase.BAKING, sizes={"b": 3}, stable="a")
    assert kept_records(hcms, family, bakes, Status(stable_revision="a")) == {"a", "b"}


def test_what_was_stable_is_kept_before_what_never_was_or_long_ago() -> None:
    """A was used again, c to l were broken builds."""
    names = "abcdefghijklm"
    records = {name: labelled(name, revision=number) for number, name in enumerate(names)}
    family = Family({"ControllerRevision": records, "Deployment": {"a": labelled("a")}})
    before = Status(
        stable_revision="a",
        revisions=(
            RevisionStatus(name="a", image="i", created_at=NOON, stable_at=later(60)),
            RevisionStatus(name="b", image="i", created_at=NOON, stable_at=NOON),
        ),
    )
    done = Decision(
        target="m", phase=DecisionPhase.HEALTHY, sizes={"m": 3}, stable="m", retire=("a",)
    )

    def kept(limit: int) -> set[str]:
        hcms = parse(manifest({"rollout": {"revisionHistoryLimit": limit}}))
        return kept_records(hcms, family, done, before) - {"m"}

    assert [kept(limit) for limit in range(4)] == [set(), {"a"}, {"a", "b"}, {"a", "b", "l"}]


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
