"""The samples are what the API takes."""

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from cms_operator import api
from tests.support.charts import REPOSITORY

SAMPLES = REPOSITORY / "config" / "samples"
FILES = [
    SAMPLES / "minimal.yaml",
    SAMPLES / "production.yaml",
    SAMPLES / "gitops" / "base" / "headlesscms.yaml",
    REPOSITORY / "demo" / "headlesscms.yaml",
]


def load(path: Path) -> dict[str, Any]:
    return dict(yaml.safe_load(path.read_text()))


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_sample_has_no_unknown_or_wrong_field(path: Path) -> None:
    api.parse(load(path), unknown="forbid")


def test_the_minimal_sample_is_a_spec_of_three_lines() -> None:
    lines = (SAMPLES / "minimal.yaml").read_text().splitlines()
    assert len(lines[lines.index("spec:") :]) == 3


def test_the_autoscaled_samples_leave_replicas_to_the_autoscaler() -> None:
    for spec in (load(path)["spec"] for path in FILES):
        assert not ("autoscaling" in spec and "replicas" in spec)


def test_gitops_overlay_pins_the_image_by_digest(tools: Path) -> None:
    overlay = SAMPLES / "gitops" / "production"
    built = subprocess.run(  # noqa: S603  - kubectl of this project, no shell
        [str(tools / "kubectl"), "kustomize", str(overlay)],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    resource = api.parse(yaml.safe_load(built), unknown="forbid")
    (pin,) = load(overlay / "kustomization.yaml")["images"]
    assert resource.spec.image == f"{pin['newName']}@{pin['digest']}"
    assert resource.namespace == "shop"
