"""`python -m supply sbom`, `python -m supply audit`."""

import argparse
import json
import sys
import tomllib
from pathlib import Path

from localcluster import images
from localcluster.errors import ClusterError
from supply import audit, components
from supply.archive import ImageArchive
from supply.bill import bill

ROOT = Path(__file__).parents[1]
LOCKS = {"operator": "operator", "api": "cms"}
STATUS, RELEASE = "var/lib/dpkg/status", "etc/debian_version"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m supply", description=__doc__)
    kinds = parser.add_subparsers(dest="kind", required=True)
    bills = kinds.add_parser("sbom", help="bills of materials of the built images")
    bills.add_argument("--to", type=Path, default=ROOT / "dist" / "sbom")
    asked = kinds.add_parser("audit", help="known vulnerabilities of the locked packages")
    asked.add_argument("--program", type=Path, required=True, help="pip-audit")
    asked.add_argument(
        "--tolerant", action="store_true", help="only report what could not be audited"
    )
    options = parser.parse_args(arguments)
    if options.kind == "sbom":
        return _write_bills(options.to)
    return _audit(options.program, tolerant=options.tolerant)


def _write_bills(folder: Path) -> int:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    folder.mkdir(parents=True, exist_ok=True)
    for name, lock in LOCKS.items():
        try:
            path = images.archive_of(name)
        except ClusterError as error:
            sys.stderr.write(f"{error}\n")
            return 1
        with ImageArchive(path) as archive:
            parts = [
                *components.of_lock((ROOT / "requirements" / f"{lock}.txt").read_text()),
                *components.of_dpkg(archive.text(STATUS), archive.text(RELEASE).partition(".")[0]),
            ]
            made = bill(f"headlesscms-{name}", version, archive.digest, parts)
        file = folder / f"headlesscms-{name}.cdx.json"
        file.write_text(json.dumps(made, indent=1) + "\n")
        sys.stdout.write(f"{file}: {len(parts)} components\n")
    return 0


def _audit(program: Path, *, tolerant: bool) -> int:
    try:
        report = audit.run(
            program, [ROOT / "requirements" / f"{lock}.txt" for lock in LOCKS.values()]
        )
    except RuntimeError as error:
        sys.stdout.write(f"{error}\n")
        return 0 if tolerant else 2
    sys.stdout.write("\n".join([*report.lines(), ""]))
    return report.code(tolerant=tolerant)


if __name__ == "__main__":
    sys.exit(main())
