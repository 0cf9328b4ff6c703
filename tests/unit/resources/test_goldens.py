"""All children of three HeadlessCMS, as files to be read."""

import pytest
import yaml

from tests.support.children import children, load
from tests.support.pod_security import violations
from tests.unit.resources.golden import CASES, FOLDER, expected, made

EVERY_CASE = pytest.mark.parametrize("case", CASES)


@EVERY_CASE
def test_children_are_as_written_down(case: str) -> None:
    again = "run python -m tests.unit.resources.golden and read the difference"
    assert made(case) == expected(case).read_text(), again


@EVERY_CASE
def test_every_child_can_be_found_and_is_cleaned_up_with_its_owner(case: str) -> None:
    wanted = load(FOLDER / case / "input.yaml").resource
    for child in children(load(FOLDER / case / "input.yaml")):
        metadata = child["metadata"]
        assert metadata["namespace"] == wanted.namespace
        assert metadata["labels"]["app.kubernetes.io/managed-by"] == "headlesscms-operator"
        assert metadata["labels"]["app.kubernetes.io/instance"] == wanted.name
        (owner,) = metadata["ownerReferences"]
        assert (owner["uid"], owner["controller"]) == (wanted.metadata.uid, True)


@EVERY_CASE
def test_no_password_leaves_the_secrets(case: str) -> None:
    for child in children(load(FOLDER / case / "input.yaml")):
        if child["kind"] != "Secret":
            text = yaml.safe_dump(child)
            assert not [
                word
                for word in ("wonder", "looking-glass", "0123456789abcdef", ":pass")
                if word in text
            ]


@EVERY_CASE
def test_pods_are_restricted(case: str) -> None:
    pods = [
        child["spec"]["template"]["spec"]
        for child in children(load(FOLDER / case / "input.yaml"))
        if child["kind"] in {"Deployment", "Job"}
    ]
    assert pods
    for pod in pods:
        assert violations(pod) == []
        assert pod["automountServiceAccountToken"] is False
        assert all(c["securityContext"]["readOnlyRootFilesystem"] for c in pod["containers"])
