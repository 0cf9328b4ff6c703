"""What pages show of a spec is one that the API takes, with the defaults that they tell."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from cms_operator import api
from cms_operator.api.fields.autoscaling import Autoscaling
from cms_operator.api.fields.probes import Probes
from cms_operator.api.spec import Spec
from cms_operator.resources.manifests import part
from cms_operator.resources.sources.connections import demand
from cms_service.core.settings.default_limits import DefaultLimits
from cms_service.users.schemas import MAX_PASSWORD_LENGTH, MIN_PASSWORD_LENGTH
from tests.support.children import case
from tests.support.pages import DOCS, PAGES, blocks, name
from tests.support.specs import SOURCES, manifest

FIELDS = {field.alias or name for name, field in Spec.model_fields.items()}


# setCanaryScale needs one.
GATEWAY = {"host": "cms.example", "gateway": {"name": "public"}}


def shown(page: Path) -> list[dict[str, Any]]:
    """Parts of a spec: what has its fields and no others."""
    found = [one for block in blocks(page, "yaml") for one in yaml.safe_load_all(block)]
    return [one.get("spec", one) for one in found if one.keys() <= FIELDS | {"spec"}]


SHOWN = [(page, fields) for page in PAGES for fields in shown(page)]


@pytest.mark.parametrize(
    "fields", [fields for _, fields in SHOWN], ids=[name(page) for page, _ in SHOWN]
)
def test_a_part_of_a_spec_is_taken(fields: dict[str, Any]) -> None:
    api.parse(manifest({"route": GATEWAY} | fields), unknown="forbid")


def test_there_are_such_parts() -> None:
    assert len(SHOWN) > 8


def test_the_fields_of_the_analysis_are_shown_with_their_defaults() -> None:
    first = shown(DOCS / "rollouts" / "analysis.md")[0]
    nothing = manifest({"rollout": {"analysis": {}}})
    assert api.parse(manifest(first)).spec == api.parse(nothing).spec


SCALING = DOCS / "scaling.md"
USABLE = 100 - 3  # max_connections and superuser_reserved_connections of PostgreSQL 15


def test_the_page_of_scaling_shows_the_defaults() -> None:
    text = SCALING.read_text()
    whole, fewer = shown(SCALING)
    assert whole["autoscaling"] == part(Autoscaling())
    for probe, times in part(Probes()).items():
        row = " | ".join(str(value) for value in times.values())
        assert re.search(rf"^\| `{probe}` \| `/\w+` \| {row} \|$", text, re.MULTILINE), probe
    assert fewer["autoscaling"] == {}


def connections(fields: dict[str, Any]) -> tuple[int, int]:
    found = case(manifest(fields), SOURCES)
    needed = demand(found.resource.spec, found.sources)
    return needed.pods, needed.connections


def test_the_page_of_scaling_counts_connections_rightly() -> None:
    text = SCALING.read_text()
    whole, fewer = shown(SCALING)
    pods, most = connections(whole)
    assert f"that are {pods} pods and, with two for a migration, {most} connections" in text
    assert f"of which {USABLE} are for ordinary roles" in text
    assert most > USABLE
    assert connections(fewer)[1] <= USABLE


def test_the_page_of_tenants_has_the_limits_of_this_release() -> None:
    text = (DOCS / "tenants-and-people.md").read_text()
    for limit, most in DefaultLimits().model_dump(by_alias=True).items():
        assert re.search(rf"^\| `{limit}` \| {most:,} ", text, re.MULTILINE), limit
    assert f"has {MIN_PASSWORD_LENGTH} to {MAX_PASSWORD_LENGTH} characters" in text
