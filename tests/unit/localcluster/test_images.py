from dataclasses import replace
from pathlib import Path

import pytest

from localcluster import baseimage, engine, existing, gateway, images, kind
from localcluster.cluster import Cluster
from localcluster.errors import ClusterError
from localcluster.images import Source
from localcluster.progress import Progress

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


def test_each_value_of_a_build_argument_is_another_image(source: Source) -> None:
    values = ((), (("FAULT", "errors"),), (("FAULT", "slow"),))
    keys = {images.key(replace(source, arguments=value), "base:1") for value in values}
    assert len(keys) == len(values)


def test_a_cluster_of_your_own_says_how_it_gets_an_image(source: Source) -> None:
    cluster = Cluster(existing.PROVIDER, Path("kubeconfig"), Path("bin"))
    with pytest.raises(ClusterError, match="load them into its nodes"):
        images.build_and_load_on("base:1", source, cluster, Progress())


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


@pytest.mark.parametrize(
    "source", [*images.SOURCES, *gateway.sources(Path())], ids=lambda source: str(source.name)
)
def test_every_image_of_the_project_can_be_given_another_base(source: Source) -> None:
    text = source.dockerfile.read_text()
    assert "ARG BASE_IMAGE=" in text
    assert "FROM ${BASE_IMAGE}" in text


def test_on_kind_the_engine_builds_upon_the_image_that_was_loaded(
    source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands: list[str] = []
    loaded: list[Path] = []
    for variable in ("XDG_CACHE_HOME", "XDG_STATE_HOME"):
        monkeypatch.setenv(variable, str(tmp_path))
    monkeypatch.setattr(engine, "found", lambda: "podman")
    monkeypatch.setattr(images, "run", lambda command: commands.append(" ".join(command)))
    monkeypatch.setattr(
        images, "run_logged", lambda command, *_, **__: commands.append(" ".join(command))
    )
    monkeypatch.setattr(kind, "load_image", lambda _, archive: loaded.append(archive))
    wanted = replace(source, arguments=(("FAULT", "errors"),))
    cluster = Cluster(kind.PROVIDER, Path("kubeconfig"), Path("bin"))
    base = f"{images.REPOSITORY_PREFIX}api:0123456789ab"

    reference = images.build_and_load_on(base, wanted, cluster, Progress())

    load, build, save = commands
    assert load == f"podman load --input {tmp_path}/headlesscms/images/api-0123456789ab.tar"
    assert f"--build-arg=BASE_IMAGE={base}" in build
    assert "--build-arg=FAULT=errors" in build
    assert f"--tag={reference}" in build
    assert save.endswith(f"{wanted.reference} {reference}")
    assert [f"{archive}" in save for archive in loaded] == [True]


def test_an_archive_is_of_the_files_as_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(images, "cache_home", lambda: tmp_path)
    with pytest.raises(ClusterError, match="not built from these files"):
        images.archive_of("operator")
    (source,) = (found for found in images.SOURCES if found.name == "operator")
    built = tmp_path / "images" / f"operator-{images.key(source, baseimage.name())}.tar"
    built.parent.mkdir()
    built.touch()
    assert images.archive_of("operator") == built
