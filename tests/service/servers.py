# ruff: noqa: S603 - the arguments are our own
"""Real servers of the tests' own: a PostgreSQL on a unix socket, Redis on free loopback ports."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol, Self, TypeVar

from tests.service.packages import program
from tests.support.ports import free_port

SUPERUSER = "root_of_tests"
SUPERUSER_PASSWORD = "only-for-this-server"
_START_SECONDS = 90.0


def wait_until(true: Callable[[], bool], what: str, seconds: float = _START_SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            raise TimeoutError(what)
        time.sleep(0.02)


class _Server(Protocol):
    def start(self) -> object: ...

    def remove(self) -> None: ...


AnyServer = TypeVar("AnyServer", bound=_Server)


@contextmanager
def running(server: AnyServer) -> Iterator[AnyServer]:
    """A server that is gone afterwards, also where it did not start."""
    try:
        server.start()
        yield server
    finally:
        server.remove()


class Postgres:
    """Passwords are asked for (SCRAM); nothing is kept safe on disk, which makes it fast."""

    def __init__(self, max_connections: int = 100) -> None:
        # A short path: a unix socket's has at most 107 characters.
        self.folder = Path(tempfile.mkdtemp(prefix="hcms-pg-", dir="/tmp"))
        self.port = free_port()
        self._max_connections = max_connections

    def create(self) -> Self:
        password = self.folder / "superuser"
        password.write_text(SUPERUSER_PASSWORD)
        if (owner := unprivileged()) is not None:
            for path in (self.folder, password):
                os.chown(path, owner.pw_uid, owner.pw_gid)
        self._run(
            "initdb",
            *("-D", f"{self.folder}/data", "-E", "UTF8", "--no-locale", "--no-sync"),
            *("-A", "scram-sha-256", "-U", SUPERUSER, f"--pwfile={password}"),
        )
        return self

    def create_standby(self, primary: "Postgres") -> Self:
        """A streaming copy of all of `primary`, which must run."""
        if (owner := unprivileged()) is not None:
            os.chown(self.folder, owner.pw_uid, owner.pw_gid)
        self._run(
            "pg_basebackup",
            *("-D", f"{self.folder}/data", "-d", primary.superuser_url()),
            *("--write-recovery-conf", "--checkpoint=fast", "--no-sync"),
        )
        return self

    def start(self) -> None:
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": self.port,
            "unix_socket_directories": self.folder,
            "fsync": "off",
            "max_connections": self._max_connections,
        }
        options = " ".join(f"-c {name}={value}" for name, value in settings.items())
        self._run(
            "pg_ctl",
            "-D",
            f"{self.folder}/data",
            "-w",
            "-l",
            f"{self.folder}/log",
            "-o",
            options,
            "start",
        )

    def kill(self) -> None:
        self._run("pg_ctl", "-D", f"{self.folder}/data", "-w", "-m", "immediate", "stop")

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Takes connections, and answers nothing."""
        processes = self._processes()
        for pid in processes:
            with suppress(ProcessLookupError):  # of a connection that was just closed
                os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in processes:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)

    def remove(self) -> None:
        if self._is_running():
            self.kill()
        shutil.rmtree(self.folder)

    def url(self, database: str, user_info: str = "", options: str = "") -> str:
        at_sign = "@" if user_info else ""
        return f"postgresql://{user_info}{at_sign}127.0.0.1:{self.port}/{database}{options}"

    def superuser_url(self, database: str = "postgres") -> str:
        return self.url(database, f"{SUPERUSER}:{SUPERUSER_PASSWORD}")

    def _is_running(self) -> bool:
        return (self.folder / "data" / "postmaster.pid").exists()

    @property
    def pid(self) -> int:
        return int((self.folder / "data" / "postmaster.pid").read_text().split()[0])

    def _processes(self) -> list[int]:
        parent = self.pid
        children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
        return [parent, *(int(pid) for pid in children)]

    def _run(self, name: str, *arguments: str) -> None:
        """PostgreSQL refuses to run as root."""
        owner = unprivileged()
        done = subprocess.run(
            [program(name), *arguments],
            user=owner.pw_uid if owner else None,
            group=owner.pw_gid if owner else None,
            extra_groups=[] if owner else None,
            cwd=self.folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"{name}: {done.stderr}")


class PgBouncer:
    """Transaction mode, with as few connections to the server as are said."""

    def __init__(self, postgres: Postgres, users: Mapping[str, str], connections: int) -> None:
        self.port = free_port()
        self._folder = Path(tempfile.mkdtemp(prefix="hcms-pgb-", dir="/tmp"))
        self._process: subprocess.Popen[bytes] | None = None
        (self._folder / "users").write_text(
            "".join(f'"{name}" "{password}"\n' for name, password in users.items())
        )
        settings = {
            "listen_addr": "127.0.0.1",
            "listen_port": self.port,
            "unix_socket_dir": "",
            "auth_type": "scram-sha-256",
            "auth_file": self._folder / "users",
            "pool_mode": "transaction",
            "default_pool_size": connections,
            "max_client_conn": 200,
        }
        (self._folder / "ini").write_text(
            f"[databases]\n* = host=127.0.0.1 port={postgres.port}\n[pgbouncer]\n"
            + "".join(f"{name} = {value}\n" for name, value in settings.items())
        )

    def start(self) -> Self:
        owner = unprivileged()
        if owner is not None:
            for path in (self._folder, *self._folder.iterdir()):
                os.chown(path, owner.pw_uid, owner.pw_gid)
        self._process = subprocess.Popen(
            [program("pgbouncer"), self._folder / "ini"],
            user=owner.pw_uid if owner else None,
            group=owner.pw_gid if owner else None,
            extra_groups=[] if owner else None,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wait_until(self._listens, "PgBouncer does not listen")
        return self

    def remove(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        shutil.rmtree(self._folder)

    def _listens(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        except OSError:
            return False
        return True


class Redis:
    def __init__(self, *options: str) -> None:
        self.port = free_port()
        self._options = options
        self._folder = Path(tempfile.mkdtemp(prefix="hcms-redis-", dir="/tmp"))
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self, *arguments: str) -> Self:
        command = [str(program("redis-server")), *arguments, "--port", str(self.port)]
        command += ["--bind", "127.0.0.1", "--save", "", "--dir", str(self._folder)]
        if "--sentinel" not in arguments:
            command += ["--repl-diskless-sync-delay", "0"]
        command += self._options
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        wait_until(self._answers, "Redis does not answer")
        return self

    def command(self, *words: str, password: str = "") -> str:
        """Spoken inline, which needs no client."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
            lines = [f"AUTH {password}"] if password else []
            connection.sendall(
                "".join(f"{line}\r\n" for line in [*lines, " ".join(words)]).encode()
            )
            connection.shutdown(socket.SHUT_WR)
            return b"".join(iter(lambda: connection.recv(65536), b"")).decode()

    def freeze(self) -> None:
        """Takes connections, and answers nothing."""
        if self._process is not None:
            self._process.send_signal(signal.SIGSTOP)

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self._folder)

    def _answers(self) -> bool:
        try:
            return bool(self.command("PING"))
        except OSError:
            return False


def unprivileged() -> pwd.struct_passwd | None:
    return pwd.getpwnam("nobody") if os.geteuid() == 0 else None
