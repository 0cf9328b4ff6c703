"""The CustomResourceDefinition on a real API server."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from cms_operator.api import parse
from localcluster.controlplane import ControlPlane
from localcluster.errors import ClusterError
from tests.support.bad_specs import BAD, Bad
from tests.support.specs import UNUSUAL, manifest
from tests.unit.resources.golden import CASES, FOLDER


def create(control_plane: ControlPlane, resource: dict[str, Any]) -> dict[str, Any]:
    """What would be stored. Unknown fields are errors."""
    arguments = ("create", "--dry-run=server", "--validate=strict", "-o", "json", "-f", "-")
    return dict(json.loads(control_plane.kubectl(*arguments, stdin=json.dumps(resource))))


@pytest.mark.parametrize("bad", BAD, ids=str)
def test_the_api_server_refuses_bad_input(installed: ControlPlane, bad: Bad) -> None:
    with pytest.raises(ClusterError) as refused:
        create(installed, manifest(bad.changes, name=bad.name))
    words = str(refused.value)
    assert bad.where in words
    assert bad.words in words
    assert "evaluating rule" not in words, "another rule could not be applied to it"


@pytest.mark.parametrize("title", UNUSUAL)
def test_the_api_server_takes_what_is_only_unusual(installed: ControlPlane, title: str) -> None:
    assert create(installed, manifest(UNUSUAL[title]))


@pytest.mark.parametrize("case", CASES)
def test_the_server_and_the_models_fill_in_the_same_defaults(
    installed: ControlPlane, case: str
) -> None:
    given = read(FOLDER / case / "input.yaml")
    stored = create(installed, given)
    assert parse(stored, unknown="forbid").spec == parse(given).spec


def read(path: Path) -> dict[str, Any]:
    found = dict(next(yaml.safe_load_all(path.read_text())))
    found["metadata"]["namespace"] = "default"
    return found


def test_a_name_of_63_characters_is_fine(installed: ControlPlane) -> None:
    assert create(installed, manifest(name="a" * 63))["metadata"]["name"] == "a" * 63


def test_every_field_is_explained(installed: ControlPlane) -> None:
    explained = installed.kubectl("explain", "headlesscms.spec", "--recursive")
    assert "topologySpreadConstraints" in explained
    explained = installed.kubectl("explain", "hcms.spec.database.poolSize")
    assert "connections that one pod opens" in explained
