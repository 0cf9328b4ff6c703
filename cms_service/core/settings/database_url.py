"""DATABASE_URL: where the database is, and how many connections a pod may hold."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode, urlsplit

from cms_service.core.credentials.sources import Credentials, credentials_in_url, split_user_info

_DRIVER_OPTIONS = frozenset(
    {"host", "port", "sslmode", "sslrootcert", "sslcert", "sslkey", "target_session_attrs"}
)
# Their names are Prisma's.
_POOL_OPTIONS = frozenset({"connection_limit", "pool_timeout", "pgbouncer"})
_SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
# The others do not look at whom to trust.
_READ_ROOTS = ("require", "verify-ca", "verify-full")
_MAX_CONNECTION_LIMIT = 1000
_MAX_POOL_TIMEOUT_SECONDS = 300.0


@dataclass(frozen=True)
class DatabaseUrl:
    """`dsn` holds neither credentials nor the pool's options; `pool_timeout` is in seconds.

    `pgbouncer`: each transaction may run on another of the server's connections. `target`: which
    server is wanted, where the URL says so.
    """

    dsn: str
    credentials: Credentials | None
    connection_limit: int = 20
    pool_timeout: float = 10.0
    pgbouncer: bool = False
    target: str | None = None

    @property
    def place(self) -> str:
        """Host and database, for messages."""
        return self.dsn.partition("://")[2].partition("?")[0]

    @property
    def servers(self) -> list[str]:
        """A dsn for each of them, in their order."""
        scheme, _, rest = self.dsn.partition("://")
        hosts, _, database = rest.partition("/")
        return [f"{scheme}://{host}/{database}" for host in hosts.split(",")]

    @property
    def attributes(self) -> dict[str, str | int]:
        """Server and database by OpenTelemetry's names."""
        hosts, _, database = self.place.partition("/")
        host, _, port = hosts.rpartition(":")
        if not port.isdecimal():  # none, or several servers
            return {"server.address": hosts, "db.namespace": database}
        return {"server.address": host, "server.port": int(port), "db.namespace": database}


def parse_database_url(text: str) -> DatabaseUrl:
    """Raises ValueError with a message that repeats no secret."""
    user_info, _, bare = split_user_info(text.strip())
    scheme, _, rest = bare.partition("://")
    if scheme not in {"postgresql", "postgres"}:
        raise ValueError("must start with postgresql://")
    place, _, query = rest.partition("?")
    if not place.partition("/")[2]:
        raise ValueError("must name a database: postgresql://host:5432/database")
    options = _options(query)
    _check_tls(options)
    limit = _number(options.pop("connection_limit", "20"), "connection_limit")
    timeout = _number(options.pop("pool_timeout", "10"), "pool_timeout")
    pgbouncer = options.pop("pgbouncer", "false")
    if pgbouncer not in {"true", "false"}:
        raise ValueError("pgbouncer must be true or false")
    if not limit.is_integer() or not 1 <= limit <= _MAX_CONNECTION_LIMIT:
        raise ValueError(f"connection_limit must be a whole number, 1 to {_MAX_CONNECTION_LIMIT}")
    if not 0 < timeout <= _MAX_POOL_TIMEOUT_SECONDS:
        raise ValueError(f"pool_timeout must be above 0 and at most {_MAX_POOL_TIMEOUT_SECONDS:g}")
    return DatabaseUrl(
        dsn=f"postgresql://{place}" + (f"?{urlencode(options)}" if options else ""),
        credentials=credentials_in_url(text.strip()) if user_info else None,
        connection_limit=int(limit),
        pool_timeout=timeout,
        pgbouncer=pgbouncer == "true",
        target=options.get("target_session_attrs"),
    )


def _options(query: str) -> dict[str, str]:
    pairs = parse_qsl(urlsplit(f"?{query}").query, keep_blank_values=True)
    options = dict(pairs)
    if len(options) != len(pairs):
        raise ValueError("names an option twice")
    unknown = options.keys() - _DRIVER_OPTIONS - _POOL_OPTIONS
    if unknown:
        raise ValueError(f"has the unknown option {min(unknown)!r}")
    return options


def _check_tls(options: Mapping[str, str]) -> None:
    """An authority that no mode looks at would make a connection look verified."""
    mode = options.get("sslmode")
    if mode is not None and mode not in _SSL_MODES:
        raise ValueError(f"sslmode must be one of {', '.join(_SSL_MODES)}")
    if "sslrootcert" in options and mode not in _READ_ROOTS:
        raise ValueError("sslrootcert needs sslmode=verify-full")


def _number(text: str, name: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"{name} must be a number") from None
