"""REDIS_URL: one server, or several of a Sentinel group or a cluster."""

from dataclasses import dataclass

from cms_service.core.credentials.sources import Credentials, credentials_in_url, split_user_info

_DEFAULT_PORT = 6379
_MAX_PORT = 65535


@dataclass(frozen=True)
class RedisUrl:
    hosts: tuple[tuple[str, int], ...]
    database: int
    tls: bool
    credentials: Credentials | None


def parse_redis_url(text: str) -> RedisUrl:
    """`redis://[user:password@]host:port[,host:port…][/database]`, each host with or without the
    scheme.

    Raises ValueError with a message that repeats no secret.
    """
    first, *others = text.strip().split(",")
    scheme = first.partition("://")[0]
    if scheme not in {"redis", "rediss"}:
        raise ValueError("must start with redis:// or rediss://")
    user_info, _, bare = split_user_info(first)
    hosts = bare.partition("://")[2]
    places = [hosts, *(_without_scheme(other) for other in others)]
    database = next((place.partition("/")[2] for place in places if "/" in place), "") or "0"
    if not database.isdecimal():
        raise ValueError("must end with the number of a database or with nothing")
    return RedisUrl(
        hosts=tuple(_host(place.partition("/")[0]) for place in places),
        database=int(database),
        tls=scheme == "rediss",
        credentials=credentials_in_url(first) if user_info else None,
    )


def _without_scheme(url: str) -> str:
    if "://" not in url:
        url = f"redis://{url}"
    return split_user_info(url)[2].partition("://")[2]


def _host(place: str) -> tuple[str, int]:
    host, colon, port = place.rpartition(":")
    if not colon or place.endswith("]"):
        host, port = place, str(_DEFAULT_PORT)
    if not host or not port.isdecimal() or not 0 < int(port) <= _MAX_PORT:
        raise ValueError("must name each server as host:port")
    return host.strip("[]"), int(port)
