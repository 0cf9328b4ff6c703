"""The CustomResourceDefinition that is made from the models."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cms_operator.api import crd

ROOT = Path(__file__).parents[3]
# Client-side apply keeps a copy in an annotation; all annotations may have 256 KiB.
LARGEST = 200_000

Schema = dict[str, Any]


def root_schema() -> Schema:
    return dict(crd.build()["spec"]["versions"][0]["schema"]["openAPIV3Schema"])


def walk(schema: Schema, path: str = "") -> Iterator[tuple[str, Schema]]:
    yield path, schema
    for name, value in schema.get("properties", {}).items():
        yield from walk(value, f"{path}.{name}")
    for key in ("items", "additionalProperties"):
        if key in schema:
            yield from walk(schema[key], f"{path}[]")


SCHEMAS = [
    (path, schema)
    for path, schema in walk(root_schema())
    if path not in {"", ".apiVersion", ".kind", ".metadata"}
]


def of_type(kind: str) -> list[tuple[str, Schema]]:
    return [(path, schema) for path, schema in SCHEMAS if schema.get("type") == kind]


def test_the_files_are_what_the_models_say() -> None:
    assert crd.stale(ROOT) == [], "run python -m cms_operator.api.crd --write"


def test_check_fails_until_the_files_are_written(tmp_path: Path) -> None:
    root = ["--root", str(tmp_path)]
    assert crd.main(["--check", *root]) == 1
    assert crd.main(["--write", *root]) == 0
    assert crd.main(["--check", *root]) == 0
    (tmp_path / crd.PLAIN_FILE).write_text("edited by hand")
    assert crd.main(["--check", *root]) == 1


def test_kubectl_apply_can_carry_it() -> None:
    assert len(json.dumps(crd.build(), separators=(",", ":")).encode()) < LARGEST


def test_helm_takes_none_of_the_text_for_a_template(monkeypatch: pytest.MonkeyPatch) -> None:
    manifest, before = crd.build(), crd.chart_text()
    manifest["spec"]["names"]["categories"] = ["{{ .Values.secret }}"]
    monkeypatch.setattr(crd, "build", lambda: manifest)
    text = crd.chart_text()
    assert '{{ "{{" }} .Values.secret }}' in text
    assert text.count("{{") == before.count("{{") + 2


def test_every_field_is_explained() -> None:
    fields = [(path, schema) for path, schema in SCHEMAS if not path.endswith("[]")]
    assert [path for path, schema in fields if len(schema.get("description", "")) < 5] == []


def test_every_text_is_bounded() -> None:
    bounds = {"maxLength", "enum"}
    free = [path for path, schema in of_type("string") if not bounds & schema.keys()]
    times = [path for path, schema in SCHEMAS if schema.get("format") == "date-time"]
    assert free == times


def test_every_list_is_bounded() -> None:
    assert [path for path, schema in of_type("array") if schema.get("maxItems", 999) > 100] == []


def test_every_map_is_bounded() -> None:
    maps = [(path, schema) for path, schema in of_type("object") if "properties" not in schema]
    assert maps
    assert [path for path, schema in maps if schema.get("maxProperties", 999) > 100] == []


def test_every_number_has_a_least_value() -> None:
    assert [path for path, schema in of_type("integer") if "minimum" not in schema] == []


def test_the_schema_is_structural() -> None:
    forbidden = {"$ref", "title", "const", "oneOf", "allOf", "nullable"}
    for path, schema in SCHEMAS:
        mixed = schema.get("x-kubernetes-int-or-string", False)
        assert not forbidden & schema.keys(), path
        assert ("type" in schema) != mixed, path
        assert ("anyOf" in schema) == mixed, path


def test_kubectl_scale_and_the_autoscaler_find_their_fields() -> None:
    scale = crd.build()["spec"]["versions"][0]["subresources"]["scale"]
    properties = root_schema()["properties"]
    for path in scale.values():
        _, group, name = path.split(".")
        assert name in properties[group]["properties"]
    # The scale subresource fails without a value.
    assert properties["spec"]["properties"]["replicas"]["default"] == 3


def test_rules_are_told_in_words() -> None:
    rules = [rule for _, schema in SCHEMAS for rule in schema.get("x-kubernetes-validations", [])]
    assert rules
    for rule in rules:
        assert len(rule["message"]) > 10
        assert "\n" not in rule["rule"]
