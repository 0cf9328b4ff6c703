"""Credentials in a file that holds a whole URL, as the source Secret has it.

A Secret that moves to another server does so for the pods that are configured for that one, and
changes under the others as well: its new password is worth nothing where they connect to.
"""

from pathlib import Path

from cms_service.core.credentials.place import Place, place_of
from cms_service.core.credentials.sources import (
    AnotherPlaceError,
    Credentials,
    CredentialSource,
    credentials_in_url,
)


def from_url_file(path: Path, own_url: str, default_port: int) -> CredentialSource:
    """User and password of the URL in a file, for a process that connects to `own_url`.

    Its place need not be the own one (it may be another name for it), but it has to stay what it
    was when it was first read, or become the own one.
    """
    return CredentialSource(_UrlFile(path, place_of(own_url, default_port), default_port).read)


class _UrlFile:
    def __init__(self, path: Path, own: Place, default_port: int) -> None:
        self._path = path
        self._own = own
        self._default_port = default_port
        self._taken: Place | None = None

    def read(self) -> Credentials:
        url = self._path.read_text().strip()
        found = credentials_in_url(url)
        place = place_of(url, self._default_port)
        if not self._fits(place):
            raise AnotherPlaceError
        self._taken = place
        return found

    def _fits(self, place: Place) -> bool:
        taken = self._taken
        return taken is None or place.overlaps(self._own) or place.overlaps(taken)
