"""A vulnerability stops, and so does silence: nothing known is not the same as nothing found."""

import sys
from pathlib import Path
from typing import Any

import pytest

from supply import audit

SOUND: dict[str, Any] = {"name": "good", "version": "1", "vulns": []}
FLAWED: dict[str, Any] = {
    "name": "bad",
    "version": "2",
    "vulns": [{"id": "PYSEC-1", "fix_versions": ["2.1", "3"]}],
}
SKIPPED: dict[str, Any] = {"name": "away", "skip_reason": "not found, could not be audited"}


@pytest.mark.parametrize(
    ("packages", "code", "tolerant", "words"),
    [
        ([SOUND], 0, 0, "1 packages audited, 0 vulnerabilities known"),
        ([SOUND, FLAWED], 1, 1, "bad 2: PYSEC-1, mended in 2.1 or 3"),
        ([SKIPPED], 2, 0, "NOT AUDITED: the vulnerability database has not answered for 1 of 1"),
        ([SOUND, SKIPPED], 2, 0, "for 1 of 2 packages (away)"),
        ([FLAWED, SKIPPED], 1, 1, "nothing is known about them"),
    ],
)
def test_what_an_audit_comes_to(
    packages: list[dict[str, Any]], code: int, tolerant: int, words: str
) -> None:
    report = audit.read({"dependencies": packages})
    assert (report.code(tolerant=False), report.code(tolerant=True)) == (code, tolerant)
    assert words in "\n".join(report.lines())


def test_an_auditor_that_fails_is_told_and_no_pass(tmp_path: Path) -> None:
    program = tmp_path / "pip-audit"
    program.write_text(f"#!{sys.executable}\nimport sys\nsys.exit('ConnectionError: no route')\n")
    program.chmod(0o755)
    with pytest.raises(RuntimeError, match=r"NOT AUDITED.*ConnectionError: no route"):
        audit.run(program, [tmp_path / "lock.txt"])
