from pathlib import Path

import pytest

from localcluster import images
from localcluster.images import Source

DOCKERFILE = "ARG BASE_IMAGE=x\nFROM ${BASE_IMAGE}\nCOPY app /opt/app\n"


@pytest.fixture
def source(tmp_path: Path) -> Source:
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "main.py").write_text("print()")
    (tmp_path / "notes.txt").write_text("not in the image")
    (tmp_path / "Dockerfile").write_text(DOCKERFILE)
    return Source("app", tmp_path / "Dockerfile", tmp_path)


@pytest.mark.parametrize(
    ("line", "sources"),
    [
        ("COPY app /opt/app", ["app"]),
        ("COPY one two three /opt/", ["one", "two", "three"]),
        ("COPY --chown=1:1 --chmod=755 run.sh /usr/bin/run", ["run.sh"]),
        ("COPY one \\\n     two /opt/", ["one", "two"]),
        ("COPY --from=build /opt/venv /opt/venv", []),
        ("RUN echo COPY a b", []),
    ],
)
def test_what_an_image_takes_from_its_context_is_read_from_copy_lines(
    line: str, sources: list[str]
) -> None:
    assert images.copied(f"FROM x\n{line}\nUSER 1\n") == sources


def test_an_image_is_built_anew_when_something_in_it_changes(source: Source) -> None:
    before = images.key(source, "base:1")
    (source.context / "app" / "main.py").write_text("print(1)")
    changed = images.key(source, "base:1")
    source.dockerfile.write_text(DOCKERFILE + "USER 1\n")
    assert len({before, changed, images.key(source, "base:1")}) == 3


def test_another_base_is_another_image(source: Source) -> None:
    assert images.key(source, "base:1") != images.key(source, "base:2")


def test_a_renamed_file_is_another_image(source: Source) -> None:
    before = images.key(source, "base:1")
    (source.context / "app" / "main.py").rename(source.context / "app" / "mainx.py")
    assert images.key(source, "base:1") != before


def test_files_outside_of_the_image_and_byte_code_change_nothing(source: Source) -> None:
    before = images.key(source, "base:1")
    (source.context / "notes.txt").write_text("changed")
    cache = source.context / "app" / "__pycache__"
    cache.mkdir()
    (cache / "main.pyc").write_text("anything")
    assert images.key(source, "base:1") == before


@pytest.mark.parametrize("source", images.SOURCES, ids=lambda source: str(source.name))
def test_every_image_of_the_project_can_be_given_another_base(source: Source) -> None:
    text = source.dockerfile.read_text()
    assert "ARG BASE_IMAGE=" in text
    assert "FROM ${BASE_IMAGE}" in text
