"""The token of the pod's service account, which the kubelet renews in its file."""

import logging
from pathlib import Path

from kubernetes.aio import client

log = logging.getLogger(__name__)


class TokenFile:
    """Reads the token again as soon as the file is another one.

    kubernetes.aio does so once in a minute of the wall clock, which somebody may set back.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[int, int] | None = None

    def refresh(self, configuration: client.Configuration) -> None:
        """Called before each request. A file that cannot be read leaves the token as it was."""
        try:
            found = self._path.stat()
            seen = (found.st_ino, found.st_mtime_ns)
            if seen == self._seen:
                return
            token = self._path.read_text().strip()
        except OSError as error:
            log.warning("cannot read %s: %s", self._path, error.strerror)
            return
        if token:
            configuration.api_key["BearerToken"] = f"Bearer {token}"
            self._seen = seen
