"""A program with a go.mod of its own: its libraries are not those of the cluster's programs."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from localcluster import golang, lock
from localcluster.binaries import sources_key
from localcluster.paths import cache_home, log_file
from localcluster.progress import Progress
from localcluster.shell import run, run_logged


@dataclass(frozen=True)
class Program:
    name: str
    folder: Path  # has go.mod, go.sum and toolchain.txt
    package: str
    tags: str = ""  # go build's: parts of it that nobody needs may be left out


def is_built(program: Program) -> bool:
    go = golang.found(program.folder)
    return go is not None and _target(program, go).exists()


def ensure(program: Program, progress: Progress) -> Path:
    """The program; builds it where it is not there."""
    with lock.held(program.name, progress):
        go = golang.toolchain(progress, program.folder)
        target = _target(program, go)
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            with progress.step(f"building {program.name}"):
                _build(program, go, target)
        _prune(target.parent)
    return target


def module_folder(program: Program, module: str, progress: Progress) -> Path:
    """The folder of a module that the program is built from, checked against go.sum."""
    go = golang.toolchain(progress, program.folder)
    run((str(go), "-C", str(program.folder), "mod", "download", module))
    where = (str(go), "list", "-C", str(program.folder), "-m", "-f", "{{.Dir}}", module)
    return Path(run(where).strip())


def _target(program: Program, go: Path) -> Path:
    version = ".".join(map(str, golang.version(go)))
    key = sources_key(_sources(program), version)
    return cache_home() / "programs" / program.name / key / program.name


def _sources(program: Program) -> Iterator[tuple[str, bytes]]:
    for name in ("go.mod", "go.sum", "main.go"):
        if (program.folder / name).exists():
            yield name, (program.folder / name).read_bytes()
    if program.tags:
        yield "tags", program.tags.encode()


def _build(program: Program, go: Path, target: Path) -> None:
    options = ("-trimpath", "-buildvcs=false", "-ldflags", "-s -w", "-tags", program.tags)
    unfinished = target.with_suffix(".unfinished")
    run_logged(
        (
            *(str(go), "build", "-C", str(program.folder), *options),
            *("-o", str(unfinished), program.package),
        ),
        log_file(f"go-build-{program.name}"),
        cure="the log names the package that failed; often the disk is full or memory ran out",
        env={"CGO_ENABLED": "0"},
    )
    unfinished.replace(target)


def _prune(current: Path) -> None:
    for path in current.parent.iterdir():
        if path != current:
            shutil.rmtree(path)
