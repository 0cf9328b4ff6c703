"""Images of the cluster's own static programs, made without a builder."""

import hashlib
import io
import json
import platform
import tarfile
from pathlib import Path

from localcluster.paths import cache_home

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
NOBODY = "65532:65532"
PROGRAMS = ("pause", "coredns", "metrics-server")


def name(program: str, binaries: Path) -> str:
    return f"localhost/headlesscms-{program}:{binaries.name}"


def archive(program: str, binaries: Path) -> Path:
    """A docker archive of one program, kept in the cache."""
    path = cache_home() / "images" / f"{program}-{binaries.name}.tar"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(".unfinished")
        with tarfile.open(unfinished, "w") as tar:
            _write(tar, program, (binaries / program).read_bytes(), name(program, binaries))
        unfinished.replace(path)
    return path


def prune(binaries: Path) -> None:
    """Archives of programs that are no longer the ones in use."""
    for path in (cache_home() / "images").glob("*-*.tar"):
        program, _, version = path.stem.rpartition("-")
        if program in PROGRAMS and version != binaries.name:
            path.unlink()


def _write(tar: tarfile.TarFile, program: str, content: bytes, image: str) -> None:
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as inner:
        _add(inner, program, content, mode=0o755)
    digest = hashlib.sha256(layer.getvalue()).hexdigest()
    config = {
        "architecture": ARCHITECTURES.get(platform.machine(), platform.machine()),
        "os": "linux",
        "config": {"Entrypoint": [f"/{program}"], "User": NOBODY},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]},
    }
    manifest = [{"Config": "config.json", "RepoTags": [image], "Layers": ["layer.tar"]}]
    _add(tar, "config.json", json.dumps(config).encode())
    _add(tar, "layer.tar", layer.getvalue())
    _add(tar, "manifest.json", json.dumps(manifest).encode())


def _add(tar: tarfile.TarFile, path: str, content: bytes, mode: int = 0o644) -> None:
    entry = tarfile.TarInfo(path)  # owner root, time 0: the same bytes give the same image
    entry.size = len(content)
    entry.mode = mode
    tar.addfile(entry, io.BytesIO(content))
