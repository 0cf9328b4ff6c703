"""The images run one program as somebody who is not root, and nothing in them needs a shell."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.charts import REPOSITORY, Chart

RECIPES = ("Dockerfile.operator", "Dockerfile.api")
SHELLS = {"sh", "bash", "dash", "/bin/sh", "/bin/bash"}


def instructions(name: str) -> list[tuple[str, str]]:
    text = (REPOSITORY / name).read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [(word, rest) for word, _, rest in (line.partition(" ") for line in lines)]


@pytest.mark.parametrize("name", RECIPES)
def test_an_image_runs_one_program_without_a_shell(name: str) -> None:
    started = [rest for word, rest in instructions(name) if word in {"CMD", "ENTRYPOINT"}]
    assert len(started) == 1
    assert json.loads(started[0])[0] == "python", "the form of a list starts no shell"
    words = {word for word, _ in instructions(name)}
    assert words.isdisjoint({"SHELL", "HEALTHCHECK", "ADD", "VOLUME"})


@pytest.mark.parametrize("name", RECIPES)
def test_an_image_runs_as_a_numbered_user(name: str) -> None:
    """A name could be anybody's, and the kubelet could not tell that it is not root's."""
    last = [rest for word, rest in instructions(name) if word == "USER"][-1]
    assert re.fullmatch(r"[1-9][0-9]{3,}:[1-9][0-9]{3,}", last)


@pytest.mark.parametrize("name", RECIPES)
def test_the_base_is_an_argument_so_that_it_can_be_pinned_by_digest(name: str) -> None:
    first, second, *_ = instructions(name)
    assert first[0] == "ARG"
    assert second == ("FROM", "${BASE_IMAGE}")


@pytest.mark.parametrize("name", RECIPES)
def test_byte_code_holds_no_times_of_files(name: str) -> None:
    compiled = [rest for word, rest in instructions(name) if "compileall" in rest and word == "RUN"]
    assert compiled
    for line in compiled:
        assert re.search(r"compileall -qf --invalidation-mode (un)?checked-hash", line)
    (install,) = (rest for _, rest in instructions(name) if "--require-hashes" in rest)
    assert "--no-compile" in install


@pytest.mark.parametrize("chart", ["headlesscms-operator", "headlesscms-demo-datastores"])
def test_no_pod_of_a_chart_starts_a_shell(tools: Path, chart: str) -> None:
    rendered = Chart(tools / "helm", chart).render()
    words = [word for found in rendered for word in commands(found)]
    assert SHELLS.isdisjoint(words)


def commands(found: Any) -> Iterator[str]:
    """The commands of containers, probes and hooks."""
    if isinstance(found, dict):
        for key, value in found.items():
            if key in {"command", "args"} and isinstance(value, list):
                yield from map(str, value)
            else:
                yield from commands(value)
    elif isinstance(found, list):
        for value in found:
            yield from commands(value)
