"""What `kubectl hcms lint` finds and foretells, without a cluster."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from cms_operator.cli.lint import UnreadableError, lint
from cms_operator.cli.main import main
from cms_operator.resources import names
from tests.support.bad_specs import BAD, Bad
from tests.support.children import children, load
from tests.support.specs import SOURCES, manifest
from tests.unit.resources.golden import CASES, FOLDER
from tests.unit.resources.test_revision import GOLDEN_HASHES

PLAN = """\
✔ shop is valid
  Revision:    named when the Secrets are read: add shop-cms to the file
  Image:       registry.example/cms:1.2.3
  Pods:        3 pods of 250m cpu and 256Mi memory, at most 6
  Children:    ServiceAccount shop
               Secret shop-jwt
               Secret shop-database (unless there is a migration-database-url)
               Job shop-migrate-…
               ControllerRevision, ConfigMap, Deployment shop-REVISION
               PodDisruptionBudget shop-REVISION
               Service shop (LoadBalancer, port 80)
               Service shop-preview
               NetworkPolicy shop
  BlueGreen:   1 3 pods behind the preview Service
               2 switch after 60 s
               3 pods, watched for 60 s before it is stable"""


def text(*documents: Any) -> str:
    return yaml.safe_dump_all(documents)


def secret(**values: str) -> dict[str, Any]:
    data = {**SOURCES["shop-cms"], **values}
    return {"kind": "Secret", "metadata": {"name": "shop-cms"}, "stringData": data}


def said(*documents: Any) -> tuple[bool, str]:
    good, lines = lint(text(*documents))
    return good, "\n".join(lines)


def test_a_good_spec_is_told_what_it_would_do() -> None:
    spec = {"rollout": {"strategy": "BlueGreen", "blueGreen": {"autoPromotionSeconds": 60}}}
    good, words = said(manifest(spec))
    assert good
    assert words == PLAN


def test_a_canary_is_told_what_its_weights_come_to() -> None:
    steps = [{"setWeight": 10}, {"pause": {}}, {"setWeight": 50}, {"pause": {"duration": "1m"}}]
    _, words = said(manifest({"rollout": {"strategy": "Canary", "canary": {"steps": steps}}}))
    assert "1 setWeight 10: 1 of 4 pods, 25 %" in words
    assert "2 pause until promoted" in words
    assert "3 setWeight 50: 2 of 4 pods, 50 %" in words
    assert "4 pause for 60 s" in words


ROUTE = {"host": "cms.example.com", "gateway": {"name": "public"}}
TESTERS_FIRST = [
    {"setCanaryScale": {"replicas": 1}},
    {"pause": {}},
    {"setCanaryScale": {"matchTrafficWeight": True}},
    {"setWeight": 10},
    {"setCanaryScale": {"weight": 50}},
    {"setWeight": 100},
]


@pytest.mark.parametrize(
    ("autoscaling", "expected"),
    [
        (
            {},
            [
                "1 setCanaryScale replicas 1: 1 pod beside 3 stable",
                "2 pause until promoted",
                "3 setCanaryScale matchTrafficWeight: 1 pod beside 3 stable",
                "4 setWeight 10: 10 % by the gateway, 1 pod beside 3 stable",
                "5 setCanaryScale weight 50: 2 pods beside 3 stable",
                "6 setWeight 100: 100 % by the gateway, 2 pods beside 3 stable",
            ],
        ),
        (
            {"autoscaling": {"maxReplicas": 9}},
            [
                "1 setCanaryScale replicas 1: 1 pod beside 3 stable",
                "2 pause until promoted",
                "3 setCanaryScale matchTrafficWeight: 1 pod beside 2 stable",
                "4 setWeight 10: 10 % by the gateway, 1 pod beside 2 stable",
                "5 setCanaryScale weight 50: 2 pods beside 3 stable",
                "6 setWeight 100: 100 % by the gateway, 2 pods beside 3 stable",
            ],
        ),
    ],
    ids=["fixed", "autoscaled"],
)
def test_a_canary_by_a_gateway_has_exact_weights_and_pods_beside_the_stable_ones(
    autoscaling: dict[str, Any], expected: list[str]
) -> None:
    canary = {"strategy": "Canary", "canary": {"steps": TESTERS_FIRST}}
    good, words = said(manifest({"route": ROUTE, "rollout": canary, **autoscaling}))
    assert good, words
    assert [line for line in expected if line not in words] == [], words
    assert "Service shop-preview" in words


@pytest.mark.parametrize(
    "spec", [{"route": ROUTE}, {"rollout": {"strategy": "Canary"}}], ids=["RollingUpdate", "ratio"]
)
def test_there_is_no_preview_service_that_nothing_uses(spec: dict[str, Any]) -> None:
    _, words = said(manifest(spec))
    assert "preview" not in words


def test_a_source_must_not_have_the_name_of_a_secret_that_the_operator_makes() -> None:
    source = {**secret(), "metadata": {"name": "shop-database"}}
    good, words = said(manifest({"secretName": "shop-database"}), source)
    assert not good
    assert "Secret shop-database" in words
    roles = {"migration-database-url": SOURCES["shop-cms"]["database-url"].replace("//", "//root-")}
    source = {**secret(**roles), "metadata": {"name": "shop-database"}}
    good, words = said(manifest({"secretName": "shop-database"}), source)
    assert good, words


def test_an_account_that_the_spec_names_is_none_of_the_operators() -> None:
    _, words = said(manifest({"pod": {"serviceAccountName": "shop"}}))
    assert "ServiceAccount" not in words


@pytest.mark.parametrize("case", CASES)
def test_with_its_secrets_the_revision_has_its_name(case: str) -> None:
    good, lines = lint((FOLDER / case / "input.yaml").read_text())
    assert good
    assert GOLDEN_HASHES[case] in "\n".join(lines)


_CHILDREN = re.compile(r"^[ ]+(?:Children:)? +((?:[A-Z][A-Za-z]+, )*[A-Z][A-Za-z]+) ([a-z]\S+)")


def listed(lines: list[str]) -> set[tuple[str, str]]:
    """The children that are told, by kind and name."""
    first = next(number for number, line in enumerate(lines) if "Children:" in line)
    found = set()
    for match in map(_CHILDREN.match, lines[first:]):
        if match is None:
            break
        found |= {(kind, match[2]) for kind in match[1].split(", ")}
    return found


@pytest.mark.parametrize("case", CASES)
def test_the_children_that_it_tells_are_those_that_are_made(case: str) -> None:
    file = FOLDER / case / "input.yaml"
    name = load(file).resource.name
    told = listed(lint(file.read_text())[1]) - {("Service", names.preview_service(name))}
    made = {(child["kind"], child["metadata"]["name"]) for child in children(load(file))}
    jobs = {found for found in made if found[0] == "Job"}
    # A migration's key is known when it is made, and whether anything is contracted after it.
    assert told - {("Job", names.migration_job(name, "…"))} == made - jobs
    assert any(kind == "Job" for kind, _ in told) == bool(jobs)


@pytest.mark.parametrize("bad", BAD, ids=str)
def test_each_mistake_is_named_by_its_field(bad: Bad) -> None:
    good, words = said(manifest(bad.changes, name=bad.name))
    assert not good
    assert bad.where in words


def test_an_unknown_field_is_a_mistake() -> None:
    good, words = said(manifest({"replica": 3}))
    assert (good, "spec.replica: unknown field" in words) == (False, True)


def test_no_value_of_a_secret_is_shown() -> None:
    good, words = said(manifest(), secret(**{"database-url": "mysql://u:wonderland@db/cms"}))
    assert not good
    assert "must begin with postgresql://" in words
    assert "wonderland" not in words
    _, words = said(manifest(), secret())
    assert "wonderland" not in words


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("a: [", "not YAML"),
        ("kind: Pod", "there is no HeadlessCMS in it"),
        (text(manifest(), {"kind": "Secret", "data": {"a": "%"}}), "not text"),
    ],
)
def test_a_file_of_something_else_is_an_error(content: str, words: str) -> None:
    with pytest.raises(UnreadableError, match=words):
        lint(content)


def test_the_exit_code_tells(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "shop.yaml"
    file.write_text(text(manifest()))
    assert main(["lint", str(file)]) == 0
    file.write_text(text(manifest({"replicas": -1})))
    assert main(["lint", str(file)]) == 1
    assert main(["lint", str(tmp_path / "away.yaml")]) == 1
    assert "away.yaml" in capsys.readouterr().err
