"""Building images without an engine: buildah with a storage of its own in the cache."""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from localcluster import machine, mounts, shell
from localcluster.paths import cache_home, log_file, private_folder
from localcluster.progress import Progress
from localcluster.shell import run, run_logged

LOCK = "images"
CURE = "the log has the failing line; often a package source or the disk"


def command(*arguments: str) -> tuple[str, ...]:
    storage = private_folder(cache_home() / "buildah")
    places = ("--root", str(storage / "root"), "--runroot", str(storage / "run"))
    return ("buildah", *places, "--storage-driver", "overlay", *arguments)


def exists(image: str) -> bool:
    return shell.succeeds(command("inspect", "--type", "image", image))


def build(  # noqa: PLR0913 - the parts of one build
    image: str,
    dockerfile: Path,
    context: Path,
    arguments: Mapping[str, str],
    progress: Progress,
    *,
    fresh: bool = False,
) -> None:
    """`fresh` uses no layer of an earlier build."""
    reused = not fresh and arguments.keys() <= {"BASE_IMAGE"}
    options = (
        "--isolation",
        "chroot",
        "--network",
        "host",
        # Debian's buildah takes an ENV from the cache whatever the arguments in it are.
        "--layers" if reused else "--no-cache",
        # One time for all files and the image, so that the same inputs make the same image.
        "--timestamp",
        os.environ.get("SOURCE_DATE_EPOCH", "0"),
        "--force-rm",
        "--pull=never",
    )
    values = (f"--build-arg={name}={value}" for name, value in arguments.items())
    names = (*values, "--file", str(dockerfile), "--tag", image)
    log = log_file(f"image-{image.rpartition('/')[2].partition(':')[0]}")
    with progress.step(f"building {image}") as step, machine.mounts() as lent:
        run_logged(
            command("build", *options, *lent, *names, str(context)),
            log,
            cure=CURE,
            on_line=step.detail,
        )


def layers(image: str) -> list[str]:
    """Digests of the layers' contents."""
    found = json.loads(run(command("inspect", "--type", "image", image)))
    digests: list[str] = found["OCIv1"]["rootfs"]["diff_ids"]
    return digests


def identity(image: str) -> str:
    """Digest of the image's configuration, which names its layers."""
    return run(command("images", "--no-trunc", "--quiet", image)).strip()


def remove(image: str) -> None:
    shell.succeeds(command("rmi", image))


def save(image: str, archive: Path) -> None:
    archive.parent.mkdir(parents=True, exist_ok=True)
    unfinished = archive.with_suffix(".unfinished")
    unfinished.unlink(missing_ok=True)
    run(command("push", "--quiet", image, f"docker-archive:{unfinished}:{image}"))
    unfinished.replace(archive)


def load(archive: Path) -> None:
    """Undoes save(), under the same name."""
    run(command("pull", "--quiet", f"docker-archive:{archive}"))


def from_folder(image: str, folder: Path, settings: Sequence[str]) -> None:
    """An image of one layer."""
    container = run(command("from", "scratch")).strip()
    try:
        run(command("copy", "--quiet", container, str(folder), "/"))
        run(command("config", *settings, container))
        run(command("commit", "--quiet", container, image))
    finally:
        run(command("rm", container))


def prune(repository: str, keep: str) -> None:
    """Removes the repository's other images."""
    listed = run(command("images", "--format", "{{.Name}}:{{.Tag}}")).split()
    for image in listed:
        if image.startswith(f"{repository}:") and image != keep:
            shell.succeeds(command("rmi", image))


def release() -> None:
    """Undoes what builds leave mounted: failed ones their container, all of them the storage."""
    storage = cache_home() / "buildah"
    if storage.exists():
        shell.succeeds(command("rm", "--all"))
        mounts.undo((storage,))
