"""The operator's process, with its settings from the environment."""

import asyncio
import sys

import kopf
import uvloop

from cms_operator import main
from cms_operator.observability import logs
from cms_operator.settings import Settings, SettingsError


def run() -> int:
    try:
        settings = Settings.from_environment()
    except SettingsError as error:
        print(f"cannot start: {error}", file=sys.stderr)  # noqa: T201  - there is no log yet
        return 2
    logs.configure_logging(settings.log_level, settings.log_format)
    uvloop.run(_serve(settings))
    return 0


async def _serve(settings: Settings) -> None:
    asyncio.get_running_loop().set_exception_handler(logs.loop_failure)
    await kopf.operator(
        registry=main.HANDLERS,
        clusterwide=not settings.namespaces,
        namespaces=settings.namespaces,
        standalone=True,
    )


sys.exit(run())
