"""Makes the plugin's archive and its krew manifest; the same files give the same archive.

`python -m cms_operator.cli.krew --uri https://…` writes both into dist/.
"""

import argparse
import gzip
import hashlib
import io
import sys
import tarfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

MANIFEST = Path("config/krew/hcms.yaml")
PROGRAM = "kubectl-hcms"
_SOURCE = Path("operator/cms_operator")
# The plugin and what it may import.
_PARTS = ("api", "resources", "observed", "rollout", "cli")
# krew makes a link to it, from elsewhere.
_SCRIPT = """\
#!/usr/bin/env python3
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from cms_operator.cli.main import main

sys.exit(main())
"""


def archive(root: Path) -> bytes:
    packed = io.BytesIO()
    # Without the time that gzip and tar would note.
    with (
        gzip.GzipFile(filename="", mode="wb", fileobj=packed, mtime=0) as stream,
        tarfile.open(mode="w", fileobj=stream) as tar,
    ):
        _add(tar, PROGRAM, _SCRIPT.encode(), 0o755)
        for path in _files(root / _SOURCE):
            name = f"{_SOURCE.name}/{path.relative_to(root / _SOURCE)}"
            _add(tar, name, path.read_bytes(), 0o644)
    return packed.getvalue()


def manifest(root: Path, uri: str, packed: bytes) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((root / MANIFEST).read_text("utf-8"))
    for platform in found["spec"]["platforms"]:
        platform |= {"uri": uri, "sha256": hashlib.sha256(packed).hexdigest()}
    return found


def _files(source: Path) -> Iterator[Path]:
    yield source / "__init__.py"
    for part in _PARTS:
        yield from sorted((source / part).rglob("*.py"))


def _add(tar: tarfile.TarFile, name: str, content: bytes, mode: int) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(content), mode
    tar.addfile(entry, io.BytesIO(content))


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m cms_operator.cli.krew", description=__doc__)
    parser.add_argument("--uri", required=True, help="where the archive will be published")
    parser.add_argument("--root", type=Path, default=Path.cwd(), help="top folder of the project")
    parser.add_argument("--output", type=Path, default=Path("dist"), help="folder to write into")
    options = parser.parse_args(arguments)
    if not options.uri.startswith("https://"):
        parser.error("--uri must begin with https://")
    packed = archive(options.root)
    options.output.mkdir(parents=True, exist_ok=True)
    (options.output / f"{PROGRAM}.tar.gz").write_bytes(packed)
    text = yaml.safe_dump(manifest(options.root, options.uri, packed), sort_keys=False)
    (options.output / MANIFEST.name).write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
