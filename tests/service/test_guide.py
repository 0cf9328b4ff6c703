"""docs/guide.md, command by command, in one shell and an empty folder."""

import os
import re
import select
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Self, cast

import pytest

from tests.service.packages import program, require
from tests.service.processes import REPOSITORY
from tests.service.servers import SUPERUSER, SUPERUSER_PASSWORD, Postgres, Redis
from tests.service.world import execute
from tests.support.guide import Step, steps
from tests.support.ports import free_port

PAGE = REPOSITORY / "docs" / "guide.md"
PROGRAMS = ("curl", "jq", "openssl", "psql")
DATABASE = "content"
OWN_VALUES, LATER = "your own values", "when the time has come"
_STEP_SECONDS = 120
_NAMES = re.compile(r"\b([A-Z_]+)=")


class Shell:
    """What a reader types into: it keeps variables, and ends with all that it has started."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._folder = folder
        self._process = subprocess.Popen(
            ["/bin/sh"],
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self._input = cast("IO[str]", self._process.stdin)
        self._output = cast("IO[str]", self._process.stdout)

    def run(self, commands: str) -> str:
        """What they print, errors too."""
        script, said = self._folder / "step.sh", self._folder / "said"
        script.write_text(commands)
        self._input.write(f". {script} < /dev/null > {said} 2>&1; echo ended with $?\n")
        self._input.flush()
        ended, _, _ = select.select([self._output], [], [], _STEP_SECONDS)
        end = self._output.readline() if ended else "not ended\n"
        assert end == "ended with 0\n", f"{commands}\n{said.read_text()}\n{end}"
        return said.read_text()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.communicate()


@pytest.fixture
def commands(tmp_path: Path) -> Path:
    """A folder with what the reader has installed: the command `cms` among it."""
    require(*PROGRAMS)
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in PROGRAMS:
        (folder / name).symlink_to(program(name))
    # As the package's script does.
    cms = folder / "cms"
    cms.write_text(
        f"#!{sys.executable}\nimport sys\nsys.path.insert(0, {str(REPOSITORY)!r})\n"
        "from cms_service.cli import main\nsys.exit(main())\n"
    )
    cms.chmod(0o755)
    return folder


def own_values(step: Step, values: Mapping[str, str]) -> str:
    assert set(_NAMES.findall(step.commands)) == values.keys()
    return "".join(f"export {name}={value}\n" for name, value in values.items())


async def test_every_command_of_the_guide_does_what_it_shows(
    postgres: Postgres, redis: Redis, commands: Path, tmp_path: Path
) -> None:
    values = {
        "POSTGRES": f"127.0.0.1:{postgres.port}",
        "POSTGRES_ADMIN": f"{SUPERUSER}:{SUPERUSER_PASSWORD}",
        # A database of its own in the Redis of all tests.
        "REDIS_URL": redis.url.removesuffix("/0") + "/1",
        "PORT": str(free_port()),
        "ADMIN_PORT": str(free_port()),
    }
    path = f"{commands}:{os.environ['PATH']}"
    environment = {"PATH": path, "SCHEDULE_INTERVAL_SECONDS": "0.1"}
    folder = tmp_path / "home"
    folder.mkdir()
    with Shell(folder, environment) as shell:
        for step in steps(PAGE.read_text()):
            if step.mark == LATER:
                past = "UPDATE cms.entry_schedules SET due_at = due_at - interval '1 hour'"
                await execute(postgres, DATABASE, past)
            typed = own_values(step, values) if step.mark == OWN_VALUES else step.commands
            said = shell.run(typed)
            assert step.fits(said), (
                f"{PAGE.name}:{step.line} prints\n{said}\nin place of\n{step.shown}"
            )
