"""What is publicly known against the locked packages, by pip-audit."""

import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Report:
    """`unknown` are the packages of which the database said nothing at all."""

    audited: int
    unknown: tuple[str, ...]
    findings: tuple[str, ...]

    def lines(self) -> list[str]:
        found = [*self.findings]
        if self.unknown:
            found.append(
                f"NOT AUDITED: the vulnerability database has not answered for "
                f"{len(self.unknown)} of {self.audited + len(self.unknown)} packages "
                f"({', '.join(self.unknown[:5])}{' ...' if len(self.unknown) > 5 else ''}): "  # noqa: PLR2004 - to give an idea
                "nothing is known about them. Try again where it can be reached."
            )
        found.append(f"{self.audited} packages audited, {len(self.findings)} vulnerabilities known")
        return found

    def code(self, *, tolerant: bool) -> int:
        """1 for a vulnerability, 2 for what could not be audited; `tolerant` reports the latter."""
        if self.findings:
            return 1
        return 2 if self.unknown and not tolerant else 0


def read(report: Mapping[str, Any]) -> Report:
    """The JSON of pip-audit."""
    packages = report["dependencies"]
    return Report(
        audited=sum("skip_reason" not in found for found in packages),
        unknown=tuple(sorted(found["name"] for found in packages if "skip_reason" in found)),
        findings=tuple(
            f"{found['name']} {found['version']}: {flaw['id']}, mended in "
            f"{' or '.join(flaw['fix_versions']) or 'no version yet'}"
            for found in packages
            for flaw in found.get("vulns", ())
        ),
    )


def run(program: Path, locks: Sequence[Path]) -> Report:
    """Raises RuntimeError with what pip-audit said where it gives no report."""
    options = ("--disable-pip", "--require-hashes", "--progress-spinner=off", "--format=json")
    files = [word for lock in locks for word in ("--requirement", str(lock))]
    done = subprocess.run(  # noqa: S603 - the project's own arguments, no shell
        [str(program), *options, *files], capture_output=True, text=True, check=False
    )
    try:
        return read(json.loads(done.stdout))
    except json.JSONDecodeError:
        raise RuntimeError(
            f"NOT AUDITED: pip-audit could not ask the vulnerability database: "
            f"{done.stderr.strip()[-400:]}"
        ) from None
