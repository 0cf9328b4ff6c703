"""User names and passwords that may change while the process runs."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Credentials:
    username: str
    password: str = field(repr=False)


class CredentialsUnavailableError(Exception):
    """No usable credentials have been read yet."""


class AnotherPlaceError(ValueError):
    def __str__(self) -> str:
        return "they are for another server than this process connects to"


class CredentialSource:
    """Reads anew each time and keeps the last good value: a file is half-written at times."""

    def __init__(self, read: Callable[[], Credentials]) -> None:
        self._read = read
        self._last: Credentials | None = None
        self._told = ""

    def current(self) -> Credentials:
        """Raises CredentialsUnavailableError where nothing good was ever read."""
        try:
            self._last = self._read()
            self._told = ""
        except AnotherPlaceError as error:
            self._tell(str(error))
        except (OSError, ValueError) as error:
            self._tell(type(error).__name__)
        if self._last is None:
            raise CredentialsUnavailableError
        return self._last

    def _tell(self, reason: str) -> None:
        """Once, not for each connection."""
        if reason != self._told:
            self._told = reason
            logger.warning("credentials are not taken: %s", reason)


def fixed(credentials: Credentials) -> CredentialSource:
    return CredentialSource(lambda: credentials)


def from_directory(directory: Path) -> CredentialSource:
    """The files `username` and `password`."""
    return CredentialSource(lambda: read_directory(directory))


def read_directory(directory: Path) -> Credentials:
    username = (directory / "username").read_text().strip()
    password = (directory / "password").read_text().strip()
    if not username or not password:
        message = "user name or password is empty"
        raise ValueError(message)
    return Credentials(username, password)


def read_url_file(path: Path) -> Credentials:
    return credentials_in_url(path.read_text().strip())


def credentials_in_url(url: str) -> Credentials:
    """Raises ValueError (without a part of the URL in it) where there is neither user nor
    password.
    """
    user_info, at_sign, _ = split_user_info(url)
    if not at_sign:
        message = "the URL has no user name"
        raise ValueError(message)
    username, _, password = user_info.partition(":")
    return Credentials(unquote(username), unquote(password))


def split_user_info(url: str) -> tuple[str, str, str]:
    """User info, "@" (or nothing), and the URL without them."""
    scheme, separator, rest = url.partition("://")
    if not separator:
        message = "not a URL"
        raise ValueError(message)
    end = min((rest.find(mark) for mark in "/?#" if mark in rest), default=len(rest))
    user_info, at_sign, hosts = rest[:end].rpartition("@")
    return user_info, at_sign, f"{scheme}://{hosts}{rest[end:]}"
