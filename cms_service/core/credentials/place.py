"""Where a URL leads: two that are written differently may lead to the same place."""

from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import unquote

from cms_service.core.credentials.sources import split_user_info

POSTGRES_PORT = 5432
REDIS_PORT = 6379
SENTINEL_PORT = 26379
_SCHEMES = {"postgres": "postgresql"}


@dataclass(frozen=True)
class Place:
    scheme: str
    servers: frozenset[str]
    database: str

    def overlaps(self, other: "Place") -> bool:
        """Whether it is the same group of servers: it may have gained or lost some."""
        return (
            self.scheme == other.scheme
            and self.database == other.database
            and not self.servers.isdisjoint(other.servers)
        )


def place_of(url: str, default_port: int) -> Place:
    """Several servers with commas between them, each with or without the scheme. Raises ValueError
    where it is no URL.
    """
    _, _, bare = split_user_info(url)
    scheme, _, rest = bare.partition("://")
    servers, database = set(), ""
    for part in rest.partition("?")[0].split(","):
        server, _, path = part.rpartition("://")[2].rpartition("@")[2].partition("/")
        servers.add(_server(server, default_port))
        database = database or unquote(path)
    scheme = scheme.lower()
    # Redis's first database has a number, which need not be said.
    return Place(_SCHEMES.get(scheme, scheme), frozenset(servers), database or "0")


def _server(text: str, default_port: int) -> str:
    host, colon, port = text.rpartition(":")
    if not colon or text.endswith("]"):
        host, port = text, str(default_port)
    try:
        host = str(ip_address(host.strip("[]")))
    except ValueError:
        host = host.lower()
    return f"{host}:{port}"
