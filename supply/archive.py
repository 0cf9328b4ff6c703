"""Files of an image that lies in a docker-archive."""

import json
import tarfile
from pathlib import Path
from types import TracebackType
from typing import Any, Self


class ImageArchive:
    def __init__(self, path: Path) -> None:
        self._archive = tarfile.open(path)  # noqa: SIM115 - closed by __exit__
        (self._manifest,) = json.loads(self._read("manifest.json"))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._archive.close()

    @property
    def digest(self) -> str:
        """SHA-256 of the configuration, which is the image's name for itself."""
        return str(self._manifest["Config"]).removesuffix(".json")

    @property
    def config(self) -> Any:
        return json.loads(self._read(self._manifest["Config"]))

    def text(self, path: str) -> str:
        """A file as the uppermost layer has it. Raises FileNotFoundError."""
        for layer in reversed(self._manifest["Layers"]):
            file = self._archive.extractfile(layer)
            if file is None:
                continue
            with tarfile.open(fileobj=file) as contents:
                for name in (path, f"./{path}"):
                    try:
                        found = contents.extractfile(name)
                    except KeyError:
                        continue
                    if found is not None:
                        return found.read().decode()
        raise FileNotFoundError(path)

    def _read(self, name: str) -> bytes:
        file = self._archive.extractfile(name)
        if file is None:
            raise FileNotFoundError(name)
        return file.read()
