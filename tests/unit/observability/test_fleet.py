"""What Prometheus is shown of each HeadlessCMS."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cms_operator.api.conditions import ConditionType
from cms_operator.observability.families import FAMILIES
from cms_operator.observability.fleet import FAILURES, Fleet
from tests.unit.observability.scraping import MOMENT, SECONDS, scrape, shop, shown

CONDITION = {"type": "Ready", "status": "False", "reason": "ImagePullFailed"}
ROLLOUT = {
    "revision": "b",
    "previous": "a",
    "strategy": "Canary",
    "phase": "Paused",
    "currentStepIndex": 1,
    "steps": 4,
    "setWeight": 20,
    "actualWeight": 25,
    "startedAt": MOMENT,
    "since": MOMENT,
}


def of_the_shop(name: str, *objects: Any) -> dict[tuple[str, ...], float]:
    """Values by the labels beside the namespace and the name."""
    return {
        tuple(text for label, text in labels if label not in {"namespace", "name"}): value
        for labels, value in shown(*objects)[name].items()
    }


def test_a_condition_is_one_for_the_status_that_it_has() -> None:
    assert of_the_shop("hcms_condition", shop({"conditions": [CONDITION]})) == {
        ("True", "Ready"): 0.0,
        ("False", "Ready"): 1.0,
        ("Unknown", "Ready"): 0.0,
    }
    assert of_the_shop("hcms_ready_reason", shop({"conditions": [CONDITION]})) == {
        ("ImagePullFailed",): 1.0
    }


@pytest.mark.parametrize(
    ("name", "found", "expected"),
    [
        ("hcms_created", shop(), {(): SECONDS}),
        ("hcms_metadata_generation", shop(), {(): 2.0}),
        ("hcms_status_observed_generation", shop({"observedGeneration": -1}), {(): -1.0}),
        ("hcms_spec_replicas", shop(), {(): 3.0}),
        ("hcms_spec_replicas", shop(spec={"replicas": 0}), {(): 0.0}),
        ("hcms_spec_max_replicas", shop(), {}),
        ("hcms_spec_max_replicas", shop(spec={"autoscaling": {"maxReplicas": 9}}), {(): 9.0}),
        ("hcms_spec_suspend", shop(), {(): 0.0}),
        ("hcms_spec_suspend", shop(spec={"suspend": True}), {(): 1.0}),
        ("hcms_status_ready_replicas", shop(), {}),
        ("hcms_status_ready_replicas", shop({"readyReplicas": 2}), {(): 2.0}),
        (
            "hcms_info",
            shop({"version": "1.2.3", "strategy": "Canary", "stableRevision": "a"}),
            {("a", "Canary", "", "1.2.3"): 1.0},
        ),
        (
            "hcms_revision_replicas",
            shop({"revisions": [{"name": "b", "replicas": 2}, {"name": "a", "replicas": 0}]}),
            {("b",): 2.0},
        ),
        (
            "hcms_rollout_phase",
            shop({"rollout": ROLLOUT}),
            {("Paused", "a", "b", "Canary"): 1.0},
        ),
        ("hcms_rollout_started_timestamp_seconds", shop({"rollout": ROLLOUT}), {(): SECONDS}),
        (
            "hcms_rollout_weight_percent",
            shop({"rollout": ROLLOUT}),
            {("set",): 20.0, ("actual",): 25.0},
        ),
        ("hcms_jwt_keys_phase", shop({"jwtKeys": {"phase": "Signing"}}), {("Signing",): 1.0}),
        (
            "hcms_jwt_keys_since_timestamp_seconds",
            shop({"jwtKeys": {"since": MOMENT}}),
            {(): SECONDS},
        ),
        ("hcms_jwt_keys_since_timestamp_seconds", shop({"jwtKeys": {"since": "soon"}}), {}),
    ],
)
def test_what_is_shown(name: str, found: Any, expected: dict[tuple[str, ...], float]) -> None:
    assert of_the_shop(name, found) == expected


@pytest.mark.parametrize("phase", ["Completed", "Aborted", "Superseded"])
def test_a_rollout_that_is_over_leaves_no_series(phase: str) -> None:
    found = shown(shop({"rollout": {**ROLLOUT, "phase": phase}}))
    of_rollouts = {name: series for name, series in found.items() if "_rollout_" in name}
    assert len(of_rollouts) == 7
    assert not any(of_rollouts.values())


def test_series_go_with_their_object_and_with_its_failures() -> None:
    both = shown(shop(), shop(name="blog"), failures=[(("team-a", "blog"), 4)])
    assert both[FAILURES] == {(("name", "blog"), ("namespace", "team-a")): 4.0}
    names = {dict(labels)["name"] for series in shown(shop()).values() for labels in series}
    assert names == {"shop"}
    assert not any(shown().values())


def test_an_object_that_has_only_been_made_is_shown() -> None:
    """Before the first report there is no status, and the API server asks for a spec only."""
    assert shown({"metadata": {"namespace": "a", "name": "b"}, "spec": {}})["hcms_info"]


@given(st.text(st.characters(codec="utf-8"), max_size=40))
def test_no_text_of_a_status_breaks_the_format(text: str) -> None:
    status = {"version": text, "conditions": [{**CONDITION, "reason": text}]}
    ((labels, _),) = shown(shop(status))["hcms_info"].items()
    assert dict(labels)["version"] == text


def test_only_what_is_asked_for_is_made() -> None:
    fleet = Fleet([shop({"conditions": [CONDITION]})])
    assert set(scrape(b"".join(fleet.text(["hcms_condition"])))) == {"hcms_condition"}


def test_a_fleet_of_a_thousand_leaves_others_their_turns() -> None:
    conditions = [{**CONDITION, "type": kind.value} for kind in ConditionType]
    objects = (shop({"conditions": conditions}, name=f"shop-{n}") for n in range(1000))
    pieces = [*Fleet(objects).text()]
    assert len(scrape(b"".join(pieces))["hcms_condition"]) == 1000 * len(ConditionType) * 3
    assert sum(1 for piece in pieces if not piece) == 40


def test_names_and_labels_are_prometheus_own_and_help_is_one_line() -> None:
    assert len({family.name for family in FAMILIES}) == len(FAMILIES)
    for family in FAMILIES:
        assert family.name.startswith("hcms_")
        assert "\n" not in family.help
