"""A patch is merged, and two versions are compared."""

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cms_service.entries.merge_patch import merged
from cms_service.versions.diff import changes
from cms_service.versions.schemas import Change, ChangeKind

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["", "a", "b"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["a", "b/c", "d~e", "0"]), inner, max_size=3)
    ),
    max_leaves=12,
)
OBJECTS = st.dictionaries(st.sampled_from(["a", "b/c", "d~e"]), JSON, max_size=3)

# Those of RFC 7396, appendix A, that concern objects.
EXAMPLES: list[tuple[Any, dict[str, Any], dict[str, Any]]] = [
    ({"a": "b"}, {"a": "c"}, {"a": "c"}),
    ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
    ({"a": "b"}, {"a": None}, {}),
    ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
    ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
    ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
    ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
    ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
    ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
    ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
    ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
]


@pytest.mark.parametrize(("target", "patch", "result"), EXAMPLES)
def test_a_patch_is_merged_as_the_rfc_shows(
    target: Any, patch: dict[str, Any], result: dict[str, Any]
) -> None:
    assert merged(target, patch) == result


@given(OBJECTS, OBJECTS)
def test_a_patch_that_is_sent_twice_does_no_more(
    target: dict[str, Any], patch: dict[str, Any]
) -> None:
    once = merged(target, patch)
    assert merged(once, patch) == once


@given(OBJECTS, OBJECTS)
@example({"a": []}, {"a": [1, 2]})
@example({"a": [1, 2]}, {"a": []})
def test_what_is_compared_can_be_made_from_one_another(
    before: dict[str, Any], after: dict[str, Any]
) -> None:
    told = list(changes(before, after))
    removed = [change for change in told if change.kind is ChangeKind.REMOVED]
    result: Any = before
    for change in (*(change for change in told if change not in removed), *reversed(removed)):
        result = applied(result, change.pointer.split("/")[1:], change)
    assert exact(result) == exact(after)


@given(OBJECTS)
def test_nothing_differs_from_itself(value: dict[str, Any]) -> None:
    assert list(changes(value, value)) == []


def test_true_is_not_one() -> None:
    (change,) = changes({"a": [1]}, {"a": [True]})
    assert (change.pointer, change.kind) == ("/a/0", ChangeKind.CHANGED)


def exact(value: Any) -> str:
    """A text that differs where JSON differs: true is no 1, and the order of members counts for
    nothing.
    """
    if isinstance(value, dict):
        return str(sorted((name, exact(member)) for name, member in value.items()))
    return str([exact(item) for item in value]) if isinstance(value, list) else repr(value)


def applied(value: Any, path: list[str], change: Change) -> Any:
    name, *rest = (path[0].replace("~1", "/").replace("~0", "~"), *path[1:])
    copy = dict(value) if isinstance(value, dict) else dict(enumerate(value))
    key: Any = name if isinstance(value, dict) else int(name)
    if rest:
        copy[key] = applied(copy[key], rest, change)
    elif change.kind is ChangeKind.REMOVED:
        del copy[key]
    else:
        copy[key] = change.after
    return copy if isinstance(value, dict) else [copy[place] for place in sorted(copy)]
