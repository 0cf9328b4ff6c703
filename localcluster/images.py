"""The project's images: built where their inputs changed, and loaded into the cluster."""

import hashlib
import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from localcluster import baseimage, buildah, engine, existing, kind, lock
from localcluster.cluster import Cluster
from localcluster.errors import ClusterError
from localcluster.node import runtime
from localcluster.paths import PACKAGE, REPOSITORY, cache_home, log_file
from localcluster.progress import Progress
from localcluster.shell import run, run_logged

TAG = "dev"
REPOSITORY_PREFIX = "localhost/headlesscms-"
KEPT_ARCHIVES = 2
OF_YOUR_OWN = (
    "a cluster of your own gets its images from you: build Dockerfile.operator and Dockerfile.api "
    "(and localcluster/images for the demo), push them to your registry or load them into its "
    f"nodes as {REPOSITORY_PREFIX}*:{TAG}, or name others in the charts' values and in spec.image"
)


@dataclass(frozen=True)
class Source:
    name: str
    dockerfile: Path
    context: Path
    arguments: tuple[tuple[str, str], ...] = ()

    @property
    def repository(self) -> str:
        return f"{REPOSITORY_PREFIX}{self.name}"

    @property
    def reference(self) -> str:
        """The name that charts and samples use."""
        return f"{self.repository}:{TAG}"

    def pinned(self, content: str) -> str:
        """A name that changes with the content, so that a new build is rolled out."""
        return f"{self.repository}:{content}"


SOURCES = (
    Source("operator", REPOSITORY / "Dockerfile.operator", REPOSITORY),
    Source("api", REPOSITORY / "Dockerfile.api", REPOSITORY),
    *(
        Source(name, PACKAGE / "images" / name / "Dockerfile", PACKAGE / "images" / name)
        for name in ("postgres", "redis")
    ),
)


def build_and_load(
    cluster: Cluster, progress: Progress, sources: Sequence[Source] = SOURCES
) -> dict[str, str]:
    """Each image's reference, by its short name; it changes when the image does."""
    if cluster.provider == existing.PROVIDER:
        progress.say(OF_YOUR_OWN)
        return {source.name: source.reference for source in sources}
    with lock.held(buildah.LOCK, progress):
        if cluster.provider == kind.PROVIDER:
            return _for_kind(sources, cluster, progress)
        return _for_node(sources, progress)


def build_and_load_on(base: str, source: Source, cluster: Cluster, progress: Progress) -> str:
    """The reference of an image that stands on another one, given as build_and_load() names it.

    Raises ClusterError on a cluster that gets its images from elsewhere.
    """
    if cluster.provider == existing.PROVIDER:
        raise ClusterError(f"{source.repository} cannot be loaded here", cure=OF_YOUR_OWN)
    content = key(source, base)
    with lock.held(buildah.LOCK, progress):
        if cluster.provider == kind.PROVIDER:
            _to_kind(cluster, source, content, base, progress)
        else:
            try:
                if _to_node(source, content, base, progress):
                    buildah.prune(source.repository, keep=source.pinned(content))
            finally:
                buildah.release()
        # It is as large as the base, and built again in a moment.
        _archive(source.pinned(content)).unlink(missing_ok=True)
    return source.pinned(content)


def _for_node(sources: Sequence[Source], progress: Progress) -> dict[str, str]:
    try:
        base = baseimage.ensure(progress)
        keys = {source: key(source, base) for source in sources}
        # Two at a time: one mostly waits for downloads while the other compiles.
        with ThreadPoolExecutor(max_workers=2) as pool:
            built = list(
                pool.map(lambda source: _to_node(source, keys[source], base, progress), sources)
            )
        # Only now: images cannot be listed while others come and go.
        for source in itertools.compress(sources, built):
            buildah.prune(source.repository, keep=source.pinned(keys[source]))
    finally:
        buildah.release()
    return {source.name: source.pinned(content) for source, content in keys.items()}


def _to_node(source: Source, content: str, base: str, progress: Progress) -> bool:
    """Load an image, built where it is not yet there. Return whether it had to be built."""
    image, built = source.pinned(content), False
    if not runtime.has(image):
        archive = _archive(image)
        if not archive.exists():
            if not buildah.exists(base):
                buildah.load(_archive(base))  # built by an earlier run
            arguments = {"BASE_IMAGE": base, **dict(source.arguments)}
            buildah.build(image, source.dockerfile, source.context, arguments, progress)
            buildah.save(image, archive)
            built = True
        with progress.step(f"loading {source.reference}"):
            runtime.load(archive)
    runtime.tag(image, source.reference)
    _prune_archives(source)
    return built


def _for_kind(sources: Sequence[Source], cluster: Cluster, progress: Progress) -> dict[str, str]:
    keys = {source: key(source, "") for source in sources}
    for source, content in keys.items():
        _to_kind(cluster, source, content, "", progress)
    return {source.name: source.pinned(content) for source, content in keys.items()}


def _to_kind(cluster: Cluster, source: Source, content: str, base: str, progress: Progress) -> None:
    """Build an image and load it. Without `base` it stands on the one that the Dockerfile names."""
    archive = _archive(source.pinned(content))
    if not archive.exists():
        _build_with(engine.found() or "docker", source, content, base, progress)
    with progress.step(f"loading {source.reference}"):
        kind.load_image(cluster, archive)
    _prune_archives(source)


def _build_with(program: str, source: Source, content: str, base: str, progress: Progress) -> None:
    log = log_file(f"image-headlesscms-{source.name}")
    archive = _archive(source.pinned(content))
    archive.parent.mkdir(parents=True, exist_ok=True)
    tags = (source.reference, source.pinned(content))
    arguments = dict(source.arguments)
    if base:
        arguments["BASE_IMAGE"] = base
        run((program, "load", "--input", str(_archive(base))))  # the engine's own may be gone
    values = (f"--build-arg={name}={value}" for name, value in arguments.items())
    names = ("--file", str(source.dockerfile), *values, *(f"--tag={tag}" for tag in tags))
    with progress.step(f"building {source.reference}") as step:
        run_logged(
            (program, "build", *names, str(source.context)),
            log,
            cure="see that the engine can pull the base image",
            on_line=step.detail,
        )
    run((program, "save", "--output", str(archive), *tags))


def _archive(image: str) -> Path:
    """The archive of an image, by its pinned name."""
    return (
        cache_home() / "images" / f"{image.removeprefix(REPOSITORY_PREFIX).replace(':', '-')}.tar"
    )


def _prune_archives(source: Source) -> None:
    found = (cache_home() / "images").glob(f"{source.name}-*.tar")
    newest_first = sorted(found, key=lambda path: path.stat().st_mtime, reverse=True)
    for path in newest_first[KEPT_ARCHIVES:]:
        path.unlink()


def archive_of(name: str) -> Path:
    """The image's archive, as the files make it now. Raises ClusterError where it is not built."""
    (source,) = (found for found in SOURCES if found.name == name)
    path = _archive(source.pinned(key(source, baseimage.name())))
    if not path.exists():
        raise ClusterError(f"{source.reference} is not built from these files", cure="make images")
    return path


def key(source: Source, base: str) -> str:
    """Names the content: the Dockerfile and its arguments, the files that it copies, and the base
    image.
    """
    text = source.dockerfile.read_text()
    digest = hashlib.sha256(f"{base}\0{text}\0".encode())
    for name, value in source.arguments:
        digest.update(f"{name}={value}\0".encode())
    for path in _files(source.context, copied(text)):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(source.context)}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()[:12]


def copied(dockerfile: str) -> list[str]:
    """What COPY lines take from the context."""
    joined = dockerfile.replace("\\\n", " ")
    sources: list[str] = []
    for line in re.findall(r"^COPY\s+(.+)$", joined, re.MULTILINE):
        words = line.split()
        options = [word for word in words if word.startswith("--")]
        if not any(option.startswith("--from") for option in options):
            sources.extend(words[len(options) : -1])
    return sources


def _files(context: Path, names: Iterable[str]) -> Iterator[Path]:
    for name in names:
        path = context / name
        if path.is_dir():
            files = (p for p in path.rglob("*") if p.is_file() and "__pycache__" not in p.parts)
            yield from sorted(files)
        else:
            yield path
