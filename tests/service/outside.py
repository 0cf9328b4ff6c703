"""A deployment of deploy/ without containers: nginx, PostgreSQL, Redis and three
instances as processes, from the values of the same files.

A service's name becomes an address on the loopback, a container's folder one of a test's own.
"""

import re
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import httpx

from tests.service.packages import program
from tests.service.processes import ServeProcess, run_cms
from tests.service.servers import Postgres, Redis, wait_until
from tests.support.compose_files import DEPLOY, SCALE, example_environment, load
from tests.support.ports import free_port

INSTANCES = ("api1", "api2", "api3")
# Where nothing is said, its containers begin with so many open files.
AS_DOCKER_STARTS = ("prlimit", "--nofile=1024:")
_SECRETS = "/run/secrets"
# Who is believed, in Compose and in Swarm.
_PROXIES = ("172.30.80.10/32", "10.80.0.0/24")


class Outside:
    """Started by entering it; ends with all its processes."""

    def __init__(self, folder: Path, file: str = SCALE) -> None:
        self._folder = folder
        self._values = example_environment()
        self._document = load(file, self._values)
        self._secrets = folder / "secrets"
        self._addresses = {"dir /data": f"dir {folder}", **dict.fromkeys(_PROXIES, "127.0.0.1/32")}
        self._stack = ExitStack()
        self.postgres = Postgres()
        self.redis = Redis()
        self.instances: dict[str, ServeProcess] = {}
        self.nginx_port = free_port()
        self.nginx: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.nginx_port}"

    @property
    def tenant(self) -> str:
        return self._values["TENANT"]

    def credentials(self) -> dict[str, str]:
        password = (self._secrets / "first-owner-password").read_text().strip()
        return {"email": self._values["OWNER_EMAIL"], "password": password}

    def redis_password(self) -> str:
        return urlsplit((self._secrets / "redis-url").read_text()).password or ""

    def __enter__(self) -> Self:
        with self._stack:
            self._make_secrets()
            self._start_stores()
            self._migrate()
            for name in INSTANCES:
                self.start(name)
            for instance in self.instances.values():
                instance.wait_until_ready()
            self._start_nginx()
            self._stack = self._stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def start(self, name: str) -> ServeProcess:
        """Again on the same port, where it was there before."""
        before = self.instances.get(name)
        environment = self._environment(name) | {"HOST": "127.0.0.1"}
        instance = ServeProcess(
            environment, self._folder / f"{name}.log", port=before.port if before else None
        )
        self._stack.enter_context(instance)
        self._addresses[f"{name}:3000"] = f"127.0.0.1:{instance.port}"
        self.instances[name] = instance
        return instance

    def run(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """A command of the CMS in the service `migrate`."""
        return run_cms(*arguments, environment=self._environment("migrate"))

    def access_log(self) -> str:
        return (self._folder / "nginx" / "access.log").read_text()

    def nginx_workers(self) -> Iterator[int]:
        children = Path(f"/proc/{self.nginx.pid}/task/{self.nginx.pid}/children").read_text()
        return map(int, children.split())

    @contextmanager
    def no_room_for_bodies(self) -> Iterator[None]:
        """Leaves nginx no folder for bodies that it does not keep in memory."""
        folder = self._folder / "nginx" / "client_body"
        aside = folder.rename(folder.with_name("aside"))
        try:
            yield
        finally:
            aside.rename(folder)

    def _make_secrets(self) -> None:
        script = [str(DEPLOY / "make-secrets.sh"), str(self._secrets)]
        subprocess.run(script, check=True)  # noqa: S603 - our own script

    def _start_stores(self) -> None:
        self._stack.callback(self.postgres.remove)
        self.postgres.create().start()
        self._addresses["postgres:5432"] = f"127.0.0.1:{self.postgres.port}"
        self._run_psql(self._config("postgres", "owner"))
        self._stack.callback(self.redis.remove)
        self._addresses["redis:6379"] = f"127.0.0.1:{self.redis.port}"
        self.redis.start(str(self._config("redis", "redis")))

    def _run_psql(self, script: Path) -> None:
        command = [str(program("psql")), "-v", "ON_ERROR_STOP=1", "-q", "-f", str(script)]
        command.append(self.postgres.superuser_url())
        subprocess.run(command, check=True)  # noqa: S603 - a throw-away server's password

    def _migrate(self) -> None:
        done = self.run("migrate")
        if done.returncode:
            raise RuntimeError(done.stdout + done.stderr)

    def _start_nginx(self) -> None:
        folder = self._folder / "nginx"
        folder.mkdir()
        config = self._config("nginx", "nginx")
        own = {
            "listen 80;": f"listen 127.0.0.1:{self.nginx_port};",
            "/tmp/": f"{folder}/",  # noqa: S108 - the container's, as its file names it
            "/dev/stdout": f"{folder}/access.log",
            "/dev/stderr": f"{folder}/error.log",
        }
        config.write_text(_replaced(config.read_text(), own))
        command = [*AS_DOCKER_STARTS, str(program("nginx"))]
        command += ["-c", str(config), "-e", f"{folder}/error.log"]
        # The workers write below a folder that is closed to others.
        command += ["-g", "daemon off; user root;"]
        self.nginx = subprocess.Popen(command)  # noqa: S603 - as above
        self._stack.callback(_stop, self.nginx)
        wait_until(self._answers, "nginx does not answer")

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/health").status_code == 200
        except httpx.TransportError:
            return False

    def _config(self, service: str, name: str) -> Path:
        """A file of deploy/ as this service reads it."""
        source = DEPLOY / self._document["configs"][name]["file"]
        path = self._folder / f"{service}-{source.name}"
        path.write_text(self._here(service, source.read_text()))
        return path

    def _environment(self, name: str) -> dict[str, str]:
        """The settings of a service; all instances of Swarm are tasks of one."""
        service = name if name in self._document["services"] else "api"
        environment: Mapping[str, Any] = self._document["services"][service]["environment"]
        slot = {"{{.Task.Slot}}": name[-1]}
        return {
            variable: _replaced(self._here(service, str(value)), slot)
            for variable, value in environment.items()
        }

    def _here(self, service: str, text: str) -> str:
        folder = self._mount_secrets(service)
        return _replaced(text, {**self._addresses, _SECRETS: str(folder)})

    def _mount_secrets(self, service: str) -> Path:
        folder = self._folder / "mounted" / service
        for secret in self._document["services"][service].get("secrets", ()):
            target = folder / Path(secret["target"]).relative_to(_SECRETS)
            target.parent.mkdir(parents=True, exist_ok=True)
            file = self._document["secrets"][secret["source"]]["file"]
            target.write_text((self._secrets / Path(file).name).read_text())
        return folder


def _replaced(text: str, words: Mapping[str, str]) -> str:
    pattern = re.compile("|".join(re.escape(word) for word in words))
    return pattern.sub(lambda found: words[found[0]], text)


def _stop(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    process.wait(timeout=30)
