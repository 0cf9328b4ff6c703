"""A Docker or Podman engine, where one answers."""

import shutil

from localcluster.shell import succeeds

PROGRAMS = ("docker", "podman")


def found() -> str | None:
    """The engine's command. Podman answers without a service of its own."""
    for program in PROGRAMS:
        if shutil.which(program) and succeeds(("timeout", "10", program, "info")):
            return program
    return None
