"""What one key of a source Secret may say. No message holds a part of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from cms_operator.api.spec import Spec
from cms_operator.resources.sources import authorities
from cms_operator.resources.sources.authorities import Authority
from cms_operator.resources.sources.urls import Endpoint, Url, UrlError, format_url, parse_url

DEFAULT_POOL_SIZE = 20
DEFAULT_POOL_TIMEOUT = 10
SHORTEST_JWT_SECRET = 32  # bytes, as HS256 asks for (RFC 7518, 3.2)
_LONGEST_JWT_SECRET = 1024

# Options that the CMS hands to its driver. Others could carry a password into a ConfigMap.
_DATABASE_OPTIONS = {
    *("sslmode", "sslrootcert", "sslcert", "sslkey", "target_session_attrs"),
    "pgbouncer",
}
# libpq's modes; those that verify the server's certificate; those that read a root certificate.
_SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
_VERIFYING = ("verify-ca", "verify-full")
_READ_ROOTS = ("require", *_VERIFYING)
_POOL_OPTIONS = {"connection_limit": 1000, "pool_timeout": 300}  # with the largest value
_POSTGRES_PORT = 5432
_REDIS_PORT = 6379
_SENTINEL_PORT = 26379
_LONGEST_POSTGRES_NAME = 63
_LONGEST_REDIS_NUMBER = 5


@dataclass(frozen=True, slots=True)
class SecretKey:
    name: str
    key: str


@dataclass(frozen=True, slots=True)
class DatabaseSource:
    secret: SecretKey
    endpoints: tuple[Endpoint, ...]
    user: str
    name: str
    options: Mapping[str, str] = field(default_factory=dict)
    pool_size: int = DEFAULT_POOL_SIZE
    pool_timeout: int = DEFAULT_POOL_TIMEOUT

    @property
    def place(self) -> str:
        """Host, port and database: what a migration belongs to."""
        return f"{','.join(str(endpoint) for endpoint in self.endpoints)}/{self.name}"

    def url(self) -> str:
        pool = {"connection_limit": str(self.pool_size), "pool_timeout": str(self.pool_timeout)}
        options = {**pool, **dict(sorted(self.options.items()))}
        return format_url("postgresql", self.endpoints, self.name, options)


@dataclass(frozen=True, slots=True)
class RedisSource:
    secret: SecretKey
    endpoints: tuple[Endpoint, ...]
    tls: bool = False
    number: int = 0
    has_credentials: bool = False

    def url(self) -> str:
        return format_url("rediss" if self.tls else "redis", self.endpoints, str(self.number), {})


def database(reference: SecretKey, value: bytes, spec: Spec, *, verify: bool) -> DatabaseSource:
    """`verify`: the spec says whom to trust."""
    url = parse_url(value, _POSTGRES_PORT)
    if url.scheme not in ("postgresql", "postgres"):
        raise UrlError("must begin with postgresql://")
    if not url.user:
        raise UrlError("names no user: write postgresql://user:password@host:5432/database")
    if not url.path or len(url.path.encode()) > _LONGEST_POSTGRES_NAME:
        raise UrlError("must name a database after the host, of at most 63 bytes")
    if url.options.keys() - _DATABASE_OPTIONS - _POOL_OPTIONS.keys():
        known = ", ".join(sorted(_DATABASE_OPTIONS | _POOL_OPTIONS.keys()))
        raise UrlError(f"has an option that is not known; known are {known}")
    options = {name: text for name, text in url.options.items() if name in _DATABASE_OPTIONS}
    options |= _verification(options, verify=verify)
    size = spec.database.pool_size or _pool_option(url, "connection_limit", DEFAULT_POOL_SIZE)
    timeout = spec.database.pool_timeout_seconds or _pool_option(
        url, "pool_timeout", DEFAULT_POOL_TIMEOUT
    )
    return DatabaseSource(reference, url.endpoints, url.user, url.path, options, size, timeout)


def _verification(options: Mapping[str, str], *, verify: bool) -> dict[str, str]:
    """What the pods' driver has to be told. An authority that no mode looks at is refused: the
    connection would look verified and not be it.
    """
    mode = options.get("sslmode")
    if mode is not None and mode not in _SSL_MODES:
        raise UrlError(f"has an sslmode that is not known; known are {', '.join(_SSL_MODES)}")
    if not verify:
        if "sslrootcert" in options and mode not in _READ_ROOTS:
            raise UrlError(
                "names an sslrootcert that its sslmode does not look at: add sslmode=verify-full"
            )
        return {}
    if "sslrootcert" in options:
        raise UrlError("names an sslrootcert beside database.ca: leave one of them out")
    if mode is not None and mode not in _VERIFYING:
        raise UrlError(
            f"has sslmode={mode}, which checks no certificate, beside database.ca: leave it out, "
            "or write sslmode=verify-full"
        )
    return {"sslmode": mode or "verify-full", "sslrootcert": authorities.DATABASE_PATH}


def authority(reference: SecretKey, value: bytes) -> Authority:
    if problem := authorities.problem_of(value):
        raise UrlError(problem)
    return Authority("secret", reference.name, reference.key)


def _pool_option(url: Url, name: str, default: int) -> int:
    text = url.options.get(name)
    if text is None:
        return default
    largest = _POOL_OPTIONS[name]
    if not (text.isdecimal() and len(text) <= len(str(largest)) and 1 <= int(text) <= largest):
        raise UrlError(f"has a {name} that is not a whole number from 1 to {largest}")
    return int(text)


def redis(reference: SecretKey, value: bytes, mode: str, *, verify: bool) -> RedisSource:
    url = parse_url(value, _SENTINEL_PORT if mode == "sentinel" else _REDIS_PORT)
    if url.scheme not in ("redis", "rediss"):
        raise UrlError("must begin with redis:// or, for TLS, rediss://")
    if verify and url.scheme != "rediss":
        raise UrlError("must begin with rediss:// beside redis.ca: without TLS nothing is checked")
    if url.options:
        raise UrlError("has options after a ?, which are not known")
    if mode == "standalone" and len(url.endpoints) > 1:
        raise UrlError("names several hosts, for which redis.mode must be sentinel or cluster")
    number = url.path or "0"
    if not (number.isdecimal() and len(number) <= _LONGEST_REDIS_NUMBER):
        raise UrlError("must end with the number of a database, such as /0, or with nothing")
    if mode == "cluster" and int(number) != 0:
        raise UrlError("names a database other than 0, which a cluster does not have")
    return RedisSource(
        reference, url.endpoints, url.scheme == "rediss", int(number), url.user is not None
    )


def jwt_secret(_: SecretKey, value: bytes) -> bytes:
    secret = value.rstrip(b"\r\n")
    if not SHORTEST_JWT_SECRET <= len(secret) <= _LONGEST_JWT_SECRET:
        raise UrlError(f"must be {SHORTEST_JWT_SECRET} to {_LONGEST_JWT_SECRET} bytes long")
    return secret


def conflict(database: DatabaseSource, migration: DatabaseSource) -> str | None:
    if migration.name != database.name:
        return "names another database than the URL of the pods"
    if migration.user == database.user:
        return "has the same user as the URL of the pods, whose role must not own the tables"
    return None
