"""A base image from Debian, for machines that reach no image registry."""

import hashlib
import shutil
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from localcluster import buildah, debian
from localcluster.errors import ClusterError
from localcluster.paths import cache_home, log_file, private_folder
from localcluster.progress import Progress
from localcluster.shell import run, run_logged

SUITE = "bookworm"  # has Python 3.11, PostgreSQL 15 and Redis 7
PACKAGES = ("ca-certificates", "python3", "python3-venv")
REPOSITORY = "localhost/headlesscms-base"
# Neither read at run time nor by a later apt-get.
SUPERFLUOUS = ("var/cache/apt", "var/lib/apt/lists", "usr/share/doc", "usr/share/locale")
SOURCES = "etc/apt/sources.list"


@dataclass(frozen=True)
class Target:
    """A package list that this machine's apt-get knows."""

    address: str
    release: str
    component: str
    label: str


def name() -> str:
    recipe = " ".join((SUITE, *PACKAGES, *SUPERFLUOUS))
    return f"{REPOSITORY}:{hashlib.sha256(recipe.encode()).hexdigest()[:12]}"


def ensure(progress: Progress) -> str:
    """The image's name; builds it where it is missing. The caller holds buildah's lock."""
    debian.ensure(debian.IMAGES, progress)
    image = name()
    if not buildah.exists(image):
        with progress.step(f"base image from Debian {SUITE}") as step:
            _build(image, step.detail)
        buildah.prune(REPOSITORY, keep=image)
    return image


def _build(image: str, show: Callable[[str], None]) -> None:
    targets = package_targets()
    # On disk, not in /tmp, which is often a small RAM disk.
    scratch = private_folder(cache_home() / "scratch")
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        root = Path(folder) / "root"
        options = ("--variant=minbase", f"--include={','.join(PACKAGES)}")
        run_logged(
            ("debootstrap", *options, SUITE, str(root), mirror(targets)),
            log_file("debootstrap"),
            cure="see that apt-get can download from this machine's Debian mirror",
            on_line=show,
        )
        (root / SOURCES).write_text(sources(targets))
        _slim(root)
        buildah.from_folder(image, root, ("--cmd", "/bin/sh", "--env", "LANG=C.UTF-8"))


def package_targets() -> list[Target]:
    names = " ".join(f"$({field})" for field in ("REPO_URI", "RELEASE", "COMPONENT", "LABEL"))
    command = ("apt-get", "indextargets", "--format", names, "Created-By: Packages")
    lines = run(command).splitlines()
    return [Target(*line.split(maxsplit=3)) for line in lines if line.count(" ") >= 3]  # noqa: PLR2004 - the fields but one


def mirror(targets: Iterable[Target]) -> str:
    """The mirror that this machine's own packages come from."""
    for target in targets:
        if target.label == "Debian" and "-" not in target.release:
            return target.address
    raise ClusterError(
        "apt-get knows no Debian mirror, from which to build a base image",
        cure="apt-get update; a machine that is not Debian needs CLUSTER=kind or existing",
    )


def sources(targets: Iterable[Target]) -> str:
    """Where the image's own apt-get finds packages: the suite, its updates and its fixes."""
    chosen = [t for t in targets if t.label.startswith("Debian") and t.component == "main"]
    lines = {
        f"deb {t.address} {t.release} main\n"
        for t in chosen
        if t.release.partition("-")[0] == SUITE
    }
    return "".join(sorted(lines | {f"deb {mirror(chosen)} {SUITE} main\n"}))


def _slim(root: Path) -> None:
    for name in SUPERFLUOUS:
        for path in (root / name).iterdir():
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()
