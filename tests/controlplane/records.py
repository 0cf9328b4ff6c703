"""What a process of the tier leaves for those who look back on all of it (tests/rights)."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path

from tests.controlplane.audit import Request

FOLDER = Path(__file__).parents[2] / "test-artifacts" / "controlplane"
_REQUESTS = "requests.json"
_FILES = "files.json"


def write(folder: Path, files: Iterable[str], requests: Iterable[Request]) -> None:
    """`files` have run in this process, `requests` are the operator's, each kind once."""
    (folder / _REQUESTS).write_text(json.dumps([asdict(found) for found in set(requests)]))
    (folder / _FILES).write_text(json.dumps(sorted(files)))


def files_run() -> set[str]:
    return {name for found in _of_all(_FILES) for name in json.loads(found.read_text())}


def requests() -> list[Request]:
    return [Request(**r) for found in _of_all(_REQUESTS) for r in json.loads(found.read_text())]


def operator_logs() -> Iterator[Path]:
    return FOLDER.glob("*/*operator.log")


def _of_all(name: str) -> Iterator[Path]:
    return FOLDER.glob(f"*/{name}")
