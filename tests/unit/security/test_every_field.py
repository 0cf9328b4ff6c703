"""Whoever may write a HeadlessCMS stays in its namespace, whatever stands in its fields."""

from collections import Counter
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cms_operator.api import InvalidSpec
from cms_operator.resources.sources.sources import SourceError
from tests.support.children import Case, children
from tests.unit.security import confinement, fields
from tests.unit.security.border import breaches
from tests.unit.security.made import PASSWORDS, made
from tests.unit.security.strings import hostile

LEAVES = fields.leaves()
NUMBERS = sorted(path for path, found in LEAVES.items() if found.get("type") == "integer")
TEXTS = sorted(
    path for path, found in LEAVES.items() if found.get("type") not in {"integer", "boolean"}
)
MAPS = [path for path in TEXTS if path.endswith(fields.MAP)]
ANNOTATIONS = ("migrate", "take-over-database", "restart", "rotate-jwt-key", "rollback", "promote")
FUZZED = settings(
    max_examples=15, deadline=None, database=None, derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)  # fmt: skip


def problems(found: Case) -> list[str]:
    return breaches(found.resource, children(found), PASSWORDS)


def problem_of(spec: Any, **how: Any) -> list[str]:
    """Empty where it stays within the border, or is refused in words that hold no password."""
    try:
        found = made(spec, **how)
    except (InvalidSpec, SourceError) as refusal:
        return [f"told: {refusal}" for word in PASSWORDS if word in str(refusal)]
    return problems(found)


def test_every_field_is_confined_in_one_way_that_is_written_down() -> None:
    named = [path for path, _ in confinement.named()]
    assert [path for path, count in Counter(named).items() if count > 1] == []
    assert set(LEAVES) - set(named) == set(), "say in confinement.py what its owner can do with it"
    assert set(named) - set(LEAVES) == set(), "no such field"


def test_every_field_is_set_by_a_manifest_of_these_tests() -> None:
    assert set(LEAVES) - fields.examples().keys() == set(), "set it in fields.py"


@pytest.mark.parametrize("spec", fields.SPECS, ids=["ingress", "gateway"])
def test_what_is_right_stays_within_the_border(spec: Any) -> None:
    assert problems(made(spec)) == []


def test_only_these_fields_speak_of_other_namespaces() -> None:
    speaking = {reason for path, reason in confinement.named() if "namespace" in path.lower()}
    assert speaking == set(confinement.OTHER_NAMESPACES)


@pytest.mark.parametrize("path", NUMBERS)
def test_every_number_has_bounds(path: str) -> None:
    spec, place = fields.examples()[path]
    low, high = LEAVES[path]["minimum"], LEAVES[path]["maximum"]
    for value in (low - 1, high + 1, str(low), low + 0.5, True):
        with pytest.raises(InvalidSpec):
            made(fields.changed(spec, place, value))


@pytest.mark.parametrize("path", TEXTS)
@FUZZED
@given(data=st.data())
def test_no_text_leads_out_of_the_namespace(path: str, data: st.DataObject) -> None:
    spec, place = fields.examples()[path]
    value = data.draw(hostile(LEAVES[path], str(fields.value_at(spec, place))))
    assert problem_of(fields.changed(spec, place, value)) == []


@pytest.mark.parametrize("path", MAPS)
@FUZZED
@given(data=st.data())
def test_no_key_of_a_map_leads_out_of_the_namespace(path: str, data: st.DataObject) -> None:
    spec, place = fields.examples()[path]
    key = data.draw(hostile({}, str(place[-1])))
    assert problem_of(fields.changed(spec, place, None, key=key)) == []


@FUZZED
@given(
    name=hostile({"pattern": "[a-z]([-a-z0-9]{0,61}[a-z0-9])?"}),
    annotations=st.dictionaries(st.sampled_from(ANNOTATIONS), hostile({})),
)
def test_neither_the_name_nor_an_annotation_leads_out_of_the_namespace(
    name: str, annotations: dict[str, str]
) -> None:
    for spec in fields.SPECS:
        assert problem_of(spec, name=name, annotations=annotations) == []


@settings(FUZZED, max_examples=200)
@given(between=hostile({"pattern": r"[-%0-9a-f:/?#@,&=]{0,8}"}), spec=st.sampled_from(fields.SPECS))
def test_no_password_leaves_its_secret_however_badly_it_is_written(between: str, spec: Any) -> None:
    assert problem_of(spec, password=between.join(PASSWORDS)) == []


@pytest.mark.parametrize(
    "field",
    ["hostNetwork", "securityContext", "initContainers", "hostAliases", "nodeName", "command"],
)
def test_there_is_no_way_to_write_a_pod_of_ones_own(field: str) -> None:
    with pytest.raises(InvalidSpec, match="unknown field"):
        made({**fields.GATEWAY, "pod": {field: {}}})
    with pytest.raises(InvalidSpec, match="unknown field"):
        made({**fields.GATEWAY, field: {}})


@pytest.mark.parametrize("kind", ["hostPath", "projected", "csi", "ephemeral", "nfs"])
def test_there_is_no_volume_of_the_node_and_no_token(kind: str) -> None:
    with pytest.raises(InvalidSpec, match="unknown field"):
        made({**fields.GATEWAY, "pod": {"volumes": [{"name": "x", kind: {}}]}})
