"""What docs/security.md points to is there, and what it shows can be installed."""

import re
from pathlib import Path

import yaml

from tests.support.charts import REPOSITORY, Chart, of_kind

PAGE = (REPOSITORY / "docs" / "security.md").read_text()
QUOTED = re.findall(r"`([^`\n]+)`", PAGE)


def test_every_file_that_it_names_exists() -> None:
    places = [text for text in QUOTED if re.match(r"(tests|charts|operator|docs)/", text)]
    assert len(places) > 10
    assert [place for place in places if not (REPOSITORY / place).exists()] == []


def test_every_test_that_it_names_exists() -> None:
    names = [text.removesuffix(".py") for text in QUOTED if text.startswith("test_")]
    files = list((REPOSITORY / "tests").rglob("test_*.py"))
    texts = [file.read_text() for file in files]
    for name in names:
        stems = {file.stem for file in files}
        assert name in stems or any(f"def {name}(" in text for text in texts), name


def test_the_policies_that_it_shows_can_be_installed(tools: Path) -> None:
    block = re.search(r"(?m)^    tenantPolicies:\n(?:      .*\n)+", PAGE)
    assert block is not None
    values = yaml.safe_load(block[0])
    rendered = Chart(tools / "helm", "headlesscms-operator").render(values)
    policies = of_kind(rendered, "ValidatingAdmissionPolicy")
    messages = [rule["message"] for policy in policies for rule in policy["spec"]["validations"]
                if "message" in rule]  # fmt: skip
    for field in values["tenantPolicies"]["forbidden"]:
        assert f"spec.{field} must not be set in this cluster" in messages
