"""Which objects are of a HeadlessCMS, and what they are to it."""

from typing import Any

from cms_operator.observed.family import NO_CONTENT, gather, is_controlled_by

OWNER = {"kind": "HeadlessCMS", "name": "shop", "uid": "1", "controller": True}
COMPONENT = "app.kubernetes.io/component"


def found(name: str, *owners: dict[str, Any], **labels: str) -> dict[str, Any]:
    names = {"component": COMPONENT, "revision": "headlesscms.io/revision"}
    return {
        "metadata": {
            "name": name,
            "labels": {names[key]: value for key, value in labels.items()},
            "ownerReferences": list(owners),
        }
    }


def test_only_what_it_controls_is_its_own() -> None:
    children = [
        ("Service", found("shop", OWNER)),
        ("Secret", found("source")),
        ("Deployment", found("of-an-earlier-shop", OWNER | {"uid": "0"})),
        ("ConfigMap", found("only-referred-to", OWNER | {"controller": False})),
    ]
    family = gather(children, "1", "api", "migration")
    assert family.own == {"Service": {"shop": children[0][1]}}
    assert [is_controlled_by(child, "1") for _, child in children] == [True, False, False, False]


def test_what_has_the_owner_and_not_the_name_of_a_child_is_a_stray_and_nothing_is_read_of_it() -> (
    None
):
    stray = found("by-hand", OWNER, revision="a") | {NO_CONTENT: True}
    family = gather([("Deployment", stray)], "1", "api", "migration")
    assert (family.own, family.strays) == ({}, (("Deployment", stray),))
    assert family.by_revision("Deployment") == {}


def test_pods_are_sorted_by_what_they_do() -> None:
    serving, migrating = found("a", component="api"), found("b", component="migration")
    family = gather(
        [("Pod", serving), ("Pod", migrating), ("Pod", found("c")), ("EndpointSlice", found("d"))],
        "1",
        "api",
        "migration",
    )
    assert (family.pods, family.job_pods) == ((serving,), (migrating,))
    assert len(family.slices) == 1


def test_children_of_a_revision_are_found_by_it() -> None:
    old, new = found("shop-a", OWNER, revision="a"), found("shop-b", OWNER, revision="b")
    children = [("Deployment", old), ("Deployment", new), ("Deployment", found("shop", OWNER))]
    family = gather(children, "1", "api", "migration")
    assert family.by_revision("Deployment") == {"a": old, "b": new}
    assert family.by_revision("ConfigMap") == {}
