"""The operator's process, with its settings from the environment."""

import asyncio
import resource
import sys

import kopf
import uvloop

from cms_operator import main
from cms_operator.observability import logs
from cms_operator.settings import Settings, SettingsError

_OPEN_FILES = 65_536


def run() -> int:
    try:
        settings = Settings.from_environment()
    except SettingsError as error:
        print(f"cannot start: {error}", file=sys.stderr)  # noqa: T201  - there is no log yet
        return 2
    logs.configure_logging(settings.log_level, settings.log_format)
    _raise_open_files()
    uvloop.run(_serve(settings))
    return 0


def _raise_open_files() -> None:
    """A namespace has some fifteen watches; the soft limit of many containers is 1,024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _OPEN_FILES if hard == resource.RLIM_INFINITY else min(_OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


async def _serve(settings: Settings) -> None:
    asyncio.get_running_loop().set_exception_handler(logs.loop_failure)
    await kopf.operator(
        registry=main.HANDLERS,
        clusterwide=not settings.namespaces,
        namespaces=settings.namespaces,
        standalone=True,
    )


sys.exit(run())
