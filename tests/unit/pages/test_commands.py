"""Commands in the pages are those that the programs know."""

import contextlib
import io
import re
import shlex
from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from cms_operator.cli import main as hcms
from cms_operator.cli.kubectl import MANAGER
from cms_service import cli as cms
from tests.support.charts import CHARTS, REPOSITORY
from tests.support.pages import PAGES, name, shell_lines
from tests.support.pod_security import violations

PROGRAMS = {
    r"(?:^|[A-Z_]=\S+ )cms (.*)": cms._parser,  # noqa: SLF001
    r"python -m cms_service (.*)": cms._parser,  # noqa: SLF001
    r"^(?:\$ )?kubectl hcms (.*)": hcms._parser,  # noqa: SLF001
}
JOB = REPOSITORY / "config" / "samples" / "tenant-limits.yaml"


def commands(page: Path) -> Iterator[tuple[ArgumentParser, list[str]]]:
    for line in shell_lines(page):
        for pattern, parser in PROGRAMS.items():
            if found := re.search(pattern, line):
                words = shlex.split(re.split(r" [>|&]|\|\|", found[1])[0], comments=True)
                yield parser(), words


@pytest.mark.parametrize("page", [page for page in PAGES if any(commands(page))], ids=name)
def test_a_command_is_one_that_the_program_knows(page: Path) -> None:
    for parser, words in commands(page):
        said = io.StringIO()
        with contextlib.redirect_stderr(said):
            try:
                parser.parse_args(words)
            except SystemExit:
                pytest.fail(f"{words}: {said.getvalue()}")


def test_there_are_such_commands() -> None:
    assert sum(1 for page in PAGES for _ in commands(page)) > 20


def test_the_command_of_the_sample_is_known_and_its_pod_may_start() -> None:
    pod = yaml.safe_load(JOB.read_text())["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert container["command"][:3] == ["python", "-m", "cms_service"]
    cms._parser().parse_args(container["command"][3:])  # noqa: SLF001
    assert violations(pod) == []


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_an_annotation_is_written_by_a_manager_that_flux_leaves_alone(page: Path) -> None:
    for line in shell_lines(page):
        if "kubectl annotate" in line:
            assert f"--field-manager={MANAGER}" in line


def test_the_install_says_which_release_it_is_of_and_what_it_needs() -> None:
    text = (REPOSITORY / "README.md").read_text()
    meta = yaml.safe_load((CHARTS / "headlesscms-operator" / "Chart.yaml").read_text())
    assert f"the tag `{meta['appVersion']}`" in text
    oldest = re.fullmatch(r">=(\d+\.\d+)\.0-0", meta["kubeVersion"])
    assert oldest is not None
    assert f"Kubernetes {oldest[1]} or newer" in text
