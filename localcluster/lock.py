"""One change at a time, machine-wide."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager

from localcluster.paths import private_folder, state_home
from localcluster.progress import Progress


@contextmanager
def held(name: str, progress: Progress | None = None) -> Iterator[None]:
    path = private_folder(state_home()) / f"{name}.lock"
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if progress is not None:
                progress.say("waiting for another run of the tool to finish")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
