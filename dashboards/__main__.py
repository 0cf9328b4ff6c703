"""`--write` makes the chart's files, `--check` tells whether they are current."""

import sys
from pathlib import Path

from dashboards.fleet import FLEET
from dashboards.parts import to_text
from dashboards.rollout import ROLLOUT
from dashboards.tenant import TENANT

FOLDER = Path(__file__).parents[1] / "charts" / "headlesscms-operator" / "files" / "dashboards"


def files() -> dict[Path, str]:
    return {FOLDER / f"{found.uid}.json": to_text(found) for found in (FLEET, TENANT, ROLLOUT)}


def main(arguments: list[str]) -> int:
    if arguments == ["--write"]:
        FOLDER.mkdir(exist_ok=True)
        for path, text in files().items():
            path.write_text(text)
        return 0
    if arguments != ["--check"]:
        print("usage: python -m dashboards --write | --check", file=sys.stderr)  # noqa: T201
        return 2
    if old := [path.name for path, text in files().items() if not _is(path, text)]:
        cure = "run python -m dashboards --write"
        print(f"{', '.join(old)}: not what dashboards/ says; {cure}", file=sys.stderr)  # noqa: T201
    return 1 if old else 0


def _is(path: Path, text: str) -> bool:
    return path.exists() and path.read_text() == text


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
