"""What a process has cost so far."""

import os
from pathlib import Path


def cpu_seconds(pid: int) -> float:
    return sum(_ticks(pid)[:2]) / os.sysconf("SC_CLK_TCK")


def family_cpu_seconds(pid: int) -> float:
    """CPU time of a process and its children, those that have ended included."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return sum(_ticks(pid)) / os.sysconf("SC_CLK_TCK") + sum(
        cpu_seconds(int(child)) for child in children
    )


def _ticks(pid: int) -> list[int]:
    """Clock ticks in user and in system mode, then the same of children that have ended."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return [int(field) for field in fields[11:15]]


def peak_mebibytes(pid: int) -> float:
    """The most memory that was ever resident."""
    return _mebibytes(pid, "VmHWM")


def resident_mebibytes(pid: int) -> float:
    return _mebibytes(pid, "VmRSS")


def _mebibytes(pid: int, name: str) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    (kibibytes,) = (line.split()[1] for line in lines if line.startswith(f"{name}:"))
    return int(kibibytes) / 2**10
