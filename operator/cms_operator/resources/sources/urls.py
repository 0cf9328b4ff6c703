"""Taking apart the URLs of databases. No message ever holds a part of the URL."""

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, quote, unquote_to_bytes, urlencode

_LONGEST = 8192
_MOST_HOSTS = 16
_HIGHEST_PORT = 65535
_HOST = re.compile(r"[A-Za-z0-9_]([-A-Za-z0-9_.]{0,251}[A-Za-z0-9_.])?")
_ENDPOINT = re.compile(r"(?P<host>\[[^\]]+\]|[^:\[\]]+)(:(?P<port>[0-9]{1,5}))?")


class UrlError(ValueError):
    """What is wrong, in words that go into a condition."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Url:
    """`path` is without its slash; `user` is None where the URL has no user info."""

    scheme: str
    endpoints: tuple[Endpoint, ...]
    path: str
    options: Mapping[str, str] = field(default_factory=dict)
    user: str | None = None


def parse_url(value: bytes, default_port: int) -> Url:
    """Raises UrlError."""
    text = _text(value)
    scheme, separator, rest = text.partition("://")
    if not separator:
        raise UrlError("is not a URL")
    if "#" in rest:
        raise UrlError("has a # in it: write it as %23")
    rest, _, query = rest.partition("?")
    authority, _, path = rest.partition("/")
    user_info, at, hosts = authority.rpartition("@")
    if "@" in path + query or "," in user_info:
        # Taking part of a password for a host would carry it into a ConfigMap.
        raise UrlError("has a character in user or password that must be percent-encoded")
    return Url(
        scheme=scheme.lower(),
        endpoints=_endpoints(hosts, default_port),
        path=_decode(path),
        options=_options(query),
        user=_decode(user_info.partition(":")[0]) if at else None,
    )


def _text(value: bytes) -> str:
    if len(value) > _LONGEST:
        raise UrlError(f"is longer than {_LONGEST} bytes")
    try:
        # Many an editor leaves a line end in a Secret.
        text = value.decode().strip()
    except UnicodeDecodeError:
        raise UrlError("is not text") from None
    if not text:
        raise UrlError("is empty")
    if any(character.isspace() or not character.isprintable() for character in text):
        raise UrlError("has white space or control characters in it: percent-encode them")
    return text


def _endpoints(hosts: str, default_port: int) -> tuple[Endpoint, ...]:
    parts = hosts.split(",")
    if len(parts) > _MOST_HOSTS:
        raise UrlError(f"names more than {_MOST_HOSTS} hosts")
    return tuple(_endpoint(part, default_port) for part in parts)


def _endpoint(text: str, default_port: int) -> Endpoint:
    found = _ENDPOINT.fullmatch(text)
    if found is None:
        raise UrlError(
            "has no host, or one that cannot be read: write host:port, an IPv6 address in [ ], "
            "and percent-encode @, / and : in user and password"
        )
    port = int(found["port"] or default_port)
    if not 0 < port <= _HIGHEST_PORT:
        raise UrlError(f"has a port that is not between 1 and {_HIGHEST_PORT}")
    return Endpoint(_host(found["host"]), port)


def _host(text: str) -> str:
    if text.startswith("["):
        try:
            return ipaddress.IPv6Address(text[1:-1]).compressed
        except ValueError:
            raise UrlError("has something in [ ] that is not an IPv6 address") from None
    if _HOST.fullmatch(text) is None:
        raise UrlError("has a host with characters that no host name has")
    return text.lower()


def _options(query: str) -> dict[str, str]:
    try:
        pairs = parse_qsl(
            query, keep_blank_values=True, strict_parsing=bool(query), max_num_fields=32
        )
    except ValueError:
        raise UrlError(
            "has options after the ? that cannot be read: write name=value&..."
        ) from None
    options = dict(pairs)
    if len(options) != len(pairs):
        raise UrlError("names an option twice")
    return options


def _decode(text: str) -> str:
    try:
        decoded = unquote_to_bytes(text).decode()
    except UnicodeDecodeError:
        raise UrlError("has percent-encoding that is not UTF-8") from None
    if "\0" in decoded:
        raise UrlError("has a zero byte in it")
    return decoded


def format_url(
    scheme: str, endpoints: tuple[Endpoint, ...], path: str, options: Mapping[str, str]
) -> str:
    """The URL without credentials."""
    hosts = ",".join(str(endpoint) for endpoint in endpoints)
    query = f"?{urlencode(options)}" if options else ""
    return f"{scheme}://{hosts}/{quote(path, safe='')}{query}"
