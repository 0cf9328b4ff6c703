"""Golden files: `python -m tests.unit.resources.golden` writes them anew."""

from pathlib import Path

import yaml

from tests.support.children import children, load

FOLDER = Path(__file__).parent / "goldens"
CASES = sorted(path.parent.name for path in FOLDER.glob("*/input.yaml"))


def made(case: str) -> str:
    manifests = children(load(FOLDER / case / "input.yaml"))
    return yaml.safe_dump_all(manifests, sort_keys=False, width=100)


def expected(case: str) -> Path:
    return FOLDER / case / "expected.yaml"


if __name__ == "__main__":
    for name in CASES:
        expected(name).write_text(made(name))
