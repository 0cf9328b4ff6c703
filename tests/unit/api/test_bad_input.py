"""Bad input is refused with the field's path and words that help.

The same rows are tried on a real API server in tests/controlplane.
"""

import pytest

from cms_operator.api import InvalidSpec, parse
from tests.support.bad_specs import BAD, Bad
from tests.support.specs import MINIMAL, UNUSUAL, manifest


@pytest.mark.parametrize("bad", BAD, ids=str)
def test_refused(bad: Bad) -> None:
    with pytest.raises(InvalidSpec) as refused:
        parse(manifest(bad.changes, name=bad.name), unknown="forbid")
    (problem,) = refused.value.problems
    assert bad.where in problem
    assert bad.words in problem


@pytest.mark.parametrize("title", UNUSUAL)
def test_what_is_only_unusual_is_taken(title: str) -> None:
    parse(manifest(UNUSUAL[title]), unknown="forbid")


def test_all_problems_are_told_at_once() -> None:
    with pytest.raises(InvalidSpec) as refused:
        parse(manifest({"replicas": -1, "logLevel": "trace", "image": "a b"}))
    assert len(refused.value.problems) == 3


def test_a_value_is_never_repeated() -> None:
    with pytest.raises(InvalidSpec) as refused:
        parse(manifest({"secretName": "Pa55word!", "pod": {"env": [{"name": "Pa55word!"}]}}))
    assert "Pa55word!" not in str(refused.value)


def test_a_field_of_a_newer_version_does_not_stop_an_older_operator() -> None:
    resource = parse(manifest({"colour": "red", "ports": {"https": 3443}}))
    assert resource.spec.to_json() == parse(manifest()).spec.to_json()


def test_a_python_name_of_a_field_is_no_field() -> None:
    with pytest.raises(InvalidSpec, match=r"spec\.secret_name: unknown field"):
        parse(manifest({"secret_name": "x"}), unknown="forbid")


def test_null_is_absence() -> None:
    resource = manifest()
    resource["spec"] = {**MINIMAL, "replicas": None, "autoscaling": None, "pod": {"env": None}}
    assert parse(resource, unknown="forbid").spec == parse(manifest()).spec


@pytest.mark.parametrize("resource", [{}, {"kind": "HeadlessCMS"}, {**manifest(), "spec": "text"}])
def test_what_is_no_headlesscms_at_all(resource: dict[str, object]) -> None:
    with pytest.raises(InvalidSpec):
        parse(resource)
