"""Background processes, recorded so that only they are ever stopped.

A process id alone may belong to somebody else by now; together with the start time and the boot
it names one process.
"""

import json
import os
import select
import signal
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from localcluster.errors import ClusterError

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
LOG_TAIL_BYTES = 2000


@dataclass(frozen=True)
class ProcessRecord:
    name: str
    pid: int
    start_time: int  # clock ticks after boot
    boot: str

    @classmethod
    def of(cls, name: str, pid: int) -> "ProcessRecord":
        state = process_state(pid)
        if state is None:
            raise ProcessLookupError(pid)
        return cls(name, pid, state[1], boot_id())

    def alive(self) -> bool:
        state = process_state(self.pid)
        return (
            state is not None
            and state[0] not in "ZX"
            and state[1] == self.start_time
            and self.boot == boot_id()
        )


def boot_id() -> str:
    return BOOT_ID.read_text().strip()


def parse_stat(text: str) -> tuple[str, int]:
    """State and start time from /proc/PID/stat; the name in it may hold spaces and brackets."""
    fields = text.rpartition(")")[2].split()
    return fields[0], int(fields[19])


def process_state(pid: int) -> tuple[str, int] | None:
    try:
        return parse_stat(Path(f"/proc/{pid}/stat").read_text())
    except (FileNotFoundError, ProcessLookupError):
        return None


def stop(records: Sequence[ProcessRecord], grace_seconds: float) -> None:
    """Asks all at once to end, waits for them, and kills what stays."""
    handles = {fd for record in records if (fd := _handle(record)) is not None}
    try:
        waiting = handles
        for number, seconds in ((signal.SIGTERM, grace_seconds), (signal.SIGKILL, 5.0)):
            for fd in waiting:
                _send(fd, number)
            waiting = _wait(waiting, seconds)
    finally:
        for fd in handles:
            os.close(fd)
    for record in records:
        _reap(record.pid)


def _handle(record: ProcessRecord) -> int | None:
    # The handle is taken before the check: after it, the id cannot pass to another process.
    try:
        fd = os.pidfd_open(record.pid)
    except ProcessLookupError:
        return None
    if record.alive():
        return fd
    os.close(fd)
    return None


def _send(fd: int, number: signal.Signals) -> None:
    try:
        signal.pidfd_send_signal(fd, number)
    except ProcessLookupError:
        return


def _wait(handles: set[int], seconds: float) -> set[int]:
    waiting = set(handles)
    deadline = time.monotonic() + seconds
    while waiting and (left := deadline - time.monotonic()) > 0:
        ended, _, _ = select.select(waiting, [], [], left)
        waiting -= set(ended)
    return waiting


def _reap(pid: int) -> None:
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return  # started by an earlier run of the tool


class ProcessFolder:
    """The processes of one cluster: records in FOLDER/processes, output in FOLDER/logs."""

    def __init__(self, folder: Path) -> None:
        self._records = folder / "processes"
        self.logs = folder / "logs"

    def log(self, name: str) -> Path:
        return self.logs / f"{name}.log"

    def start(
        self, name: str, argv: Sequence[str], env: dict[str, str] | None = None
    ) -> ProcessRecord:
        self._records.mkdir(parents=True, exist_ok=True)
        self.logs.mkdir(parents=True, exist_ok=True)
        write_only = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        pid = os.posix_spawnp(
            argv[0],
            list(argv),
            dict(os.environ) | (env or {}),
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_OPEN, 1, str(self.log(name)), write_only, 0o600),
                (os.POSIX_SPAWN_DUP2, 1, 2),
            ],
            setsid=True,
            setsigmask=[],
            setsigdef=[signal.SIGINT, signal.SIGPIPE],
        )
        record = ProcessRecord.of(name, pid)
        (self._records / f"{name}.json").write_text(json.dumps(asdict(record)))
        return record

    def records(self) -> list[ProcessRecord]:
        return [
            ProcessRecord(**json.loads(path.read_text()))
            for path in sorted(self._records.glob("*.json"))
        ]

    def require_alive(self) -> None:
        for record in self.records():
            if not record.alive():
                log = self.log(record.name)
                raise ClusterError(
                    f"{record.name} ended unexpectedly:\n{tail(log)}",
                    log=log,
                    cure="read the last lines of the log; `python3 -m localcluster doctor` "
                    "names what this machine lacks",
                )

    def stop(self, names: Sequence[str] | None = None, grace_seconds: float = 10.0) -> None:
        chosen = [r for r in self.records() if names is None or r.name in names]
        stop(chosen, grace_seconds)
        for record in chosen:
            (self._records / f"{record.name}.json").unlink(missing_ok=True)


def tail(log: Path) -> str:
    """The end of a log, or nothing where there is none."""
    try:
        data = log.read_bytes()
    except FileNotFoundError:
        return ""
    return data[-LOG_TAIL_BYTES:].decode(errors="replace").strip()
