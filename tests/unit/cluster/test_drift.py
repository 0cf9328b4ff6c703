"""Drift is what we asked for and do not see; everything else belongs to others."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cms_operator.cluster.writing.apply import drift, stamped
from cms_operator.cluster.writing.drift import first_difference

SAME: list[tuple[str, Any, Any]] = [
    ("the server's defaults", {"replicas": 3}, {"replicas": 3, "revisionHistoryLimit": 10}),
    ("a quantity in another unit", {"limits": {"cpu": "1000m"}}, {"limits": {"cpu": "1"}}),
    ("a quantity of bytes", {"requests": {"memory": "1Gi"}}, {"requests": {"memory": "1024Mi"}}),
    ("an empty map that the server drops", {"podSelector": {}}, {}),
    ("an empty list that the server drops", {"tolerations": []}, {}),
    ("a label of somebody else", {"labels": {"a": "1"}}, {"labels": {"a": "1", "b": "2"}}),
    (
        "a port that the server has numbered",
        {"ports": [{"name": "http", "port": 80}]},
        {"ports": [{"name": "http", "port": 80, "nodePort": 31000}]},
    ),
    (
        "a volume of somebody else",
        {"volumes": [{"name": "tmp"}]},
        {"volumes": [{"name": "tmp"}, {"name": "theirs"}]},
    ),
    (
        "another order of a list with keys",
        {"env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]},
        {"env": [{"name": "B", "value": "2"}, {"name": "A", "value": "1"}]},
    ),
]
DIFFERENT: list[tuple[str, Any, Any, str]] = [
    ("a number", {"spec": {"replicas": 3}}, {"spec": {"replicas": 1}}, "spec.replicas"),
    ("a missing label", {"labels": {"a": "1"}}, {"labels": {}}, "labels.a"),
    ("a missing part", {"spec": {"a": {"b": 1}}}, {}, "spec.a.b"),
    (
        "an item of a keyed list",
        {"env": [{"name": "A", "value": "1"}]},
        {"env": [{"name": "A", "value": "2"}]},
        "env[A].value",
    ),
    ("a lost item", {"env": [{"name": "A"}]}, {"env": [{"name": "B"}]}, "env[A]"),
    ("a longer plain list", {"args": ["a"]}, {"args": ["a", "b"]}, "args"),
    (
        "one more label in a Service's selector",
        {"spec": {"selector": {"app": "shop"}}},
        {"spec": {"selector": {"app": "shop", "more": "1"}}},
        "spec.selector",
    ),
    (
        "a budget that selects fewer pods",
        {"selector": {"matchLabels": {"app": "shop"}}},
        {"selector": {"matchLabels": {"app": "shop"}, "matchExpressions": [{"key": "more"}]}},
        "selector",
    ),
    (
        "one more port in a NetworkPolicy",
        {"spec": {"ingress": [{"ports": [{"port": "http"}]}]}},
        {"spec": {"ingress": [{"ports": [{"port": "http"}, {"port": 22}]}]}},
        "spec.ingress[0].ports",
    ),
    (
        "one more policy of the autoscaler",
        {"policies": [{"type": "Percent", "value": 50}]},
        {"policies": [{"type": "Percent", "value": 50}, {"type": "Pods", "value": 9}]},
        "policies",
    ),
    ("a quantity", {"limits": {"cpu": "1"}}, {"limits": {"cpu": "1500m"}}, "limits.cpu"),
    ("a number that looks like a quantity elsewhere", {"a": "1000m"}, {"a": "1"}, "a"),
]


@pytest.mark.parametrize(("what", "wanted", "live"), SAME, ids=[row[0] for row in SAME])
def test_no_drift(what: str, wanted: Any, live: Any) -> None:
    assert first_difference(wanted, live) is None, what


@pytest.mark.parametrize(
    ("what", "wanted", "live", "path"), DIFFERENT, ids=[row[0] for row in DIFFERENT]
)
def test_drift_is_named_by_its_path(what: str, wanted: Any, live: Any, path: str) -> None:
    assert first_difference(wanted, live) == path, what


def test_what_is_no_longer_asked_for_is_drift_too() -> None:
    before = {"kind": "Service", "metadata": {"annotations": {"dns": "shop"}}, "spec": {}}
    after = {"kind": "Service", "metadata": {}, "spec": {}}
    live = stamped(before)
    assert drift(before, live) is None
    assert drift(after, live) == "metadata.annotations.headlesscms.io/applied"


def test_a_scale_changes_the_replicas_and_nothing_else() -> None:
    before = stamped({"kind": "Deployment", "metadata": {}, "spec": {"replicas": 1}})
    after = stamped({"kind": "Deployment", "metadata": {}, "spec": {"replicas": 2}})
    assert first_difference(after, before) == "spec.replicas"
    assert after["metadata"] == before["metadata"]


def test_a_secret_carries_no_fingerprint_of_its_values() -> None:
    secret = {"kind": "Secret", "metadata": {"name": "shop-jwt"}, "data": {"k": "c2VjcmV0"}}
    assert stamped(secret) == secret


documents = st.recursive(
    st.integers() | st.text(max_size=5) | st.booleans(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=12,
)


@given(documents)
def test_an_object_never_differs_from_itself(document: Any) -> None:
    assert first_difference(document, document) is None
