"""What the source Secrets say: addresses and user names, but no password goes any further."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from cms_operator.api.conditions import Reason
from cms_operator.api.spec import Spec
from cms_operator.api.types import KeyReference
from cms_operator.resources.urls import Endpoint, Url, UrlError, format_url, parse_url

DATABASE_KEY = "database-url"
MIGRATION_KEY = "migration-database-url"
REPLICA_KEY = "database-read-replica-url"
REDIS_KEY = "redis-url"
JWT_KEY = "jwt-secret"

DEFAULT_POOL_SIZE = 20
DEFAULT_POOL_TIMEOUT = 10
SHORTEST_JWT_SECRET = 32  # bytes, as HS256 asks for (RFC 7518, 3.2)
_LONGEST_JWT_SECRET = 1024

# Options that the CMS hands to its driver. Others could carry a password into a ConfigMap.
_DATABASE_OPTIONS = {
    *("sslmode", "sslrootcert", "sslcert", "sslkey", "target_session_attrs"),
    "pgbouncer",
}
_POOL_OPTIONS = {"connection_limit": 1000, "pool_timeout": 300}  # with the largest value
_POSTGRES_PORT = 5432
_REDIS_PORT = 6379
_SENTINEL_PORT = 26379
_LONGEST_POSTGRES_NAME = 63
_LONGEST_REDIS_NUMBER = 5

T = TypeVar("T")
Values = Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class SecretKey:
    name: str
    key: str


@dataclass(frozen=True, slots=True)
class SecretRefs:
    """Where to look. What is optional is missed only where the spec names it by itself."""

    database: SecretKey
    redis: SecretKey
    migration: SecretKey | None
    replica: SecretKey | None
    jwt: SecretKey | None
    optional: frozenset[SecretKey]

    @property
    def names(self) -> frozenset[str]:
        every = (self.database, self.redis, self.migration, self.replica, self.jwt)
        return frozenset(reference.name for reference in every if reference)


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


@dataclass(frozen=True, slots=True)
class Sources:
    database: DatabaseSource
    redis: RedisSource
    migration: DatabaseSource | None = None
    replica: DatabaseSource | None = None
    jwt_secret: bytes | None = field(default=None, repr=False)
    makes_service_role: bool = False  # the pods' role is the operator's to make

    @property
    def owner(self) -> DatabaseSource:
        """Whose role migrates."""
        return self.migration or self.database


@dataclass(frozen=True, slots=True)
class SourceProblem:
    reason: Reason
    message: str


class SourceError(Exception):
    def __init__(self, problems: tuple[SourceProblem, ...]) -> None:
        super().__init__(" ".join(problem.message for problem in problems))
        self.problems = problems


def required_secrets(spec: Spec) -> SecretRefs:
    optional: set[SecretKey] = set()

    def look(reference: KeyReference | None, key: str, *, needed: bool) -> SecretKey | None:
        if reference is not None:
            return SecretKey(reference.name, reference.key)
        if spec.secret_name is None:
            return None
        found = SecretKey(spec.secret_name, key)
        if not needed:
            optional.add(found)
        return found

    database = look(spec.database.secret_ref, DATABASE_KEY, needed=True)
    redis = look(spec.redis.secret_ref, REDIS_KEY, needed=True)
    if database is None or redis is None:
        raise AssertionError("the rules of the spec demand a reference")
    return SecretRefs(
        database=database,
        redis=redis,
        migration=look(spec.database.migration_secret_ref, MIGRATION_KEY, needed=False),
        replica=look(spec.database.read_replica_secret_ref, REPLICA_KEY, needed=False),
        jwt=look(spec.auth.jwt_secret_ref, JWT_KEY, needed=False),
        optional=frozenset(optional),
    )


def read_sources(spec: Spec, secrets: Mapping[str, Values | None]) -> Sources:
    """Raises SourceError with all problems at once, so that they need not be mended one by one."""
    refs = required_secrets(spec)
    problems: dict[SourceProblem, None] = {}

    def read(reference: SecretKey | None, parse: Callable[[SecretKey, bytes], T]) -> T | None:
        try:
            value = _value(reference, refs, secrets)
            return parse(reference, value) if reference and value is not None else None
        except _ProblemError as error:
            problems[error.problem] = None
        except UrlError as error:
            problems[_invalid(reference, str(error))] = None
        return None

    def database(reference: SecretKey, value: bytes) -> DatabaseSource:
        return _database(reference, value, spec)

    found = read(refs.database, database)
    migration = read(refs.migration, database)
    replica = read(refs.replica, database)
    redis = read(refs.redis, lambda reference, value: _redis(reference, value, spec.redis.mode))
    jwt_secret = read(refs.jwt, _jwt_secret)
    if found and migration and (conflict := _conflict(found, migration)):
        problems[_invalid(refs.migration, conflict)] = None
    if problems or found is None or redis is None:
        raise SourceError(tuple(problems))
    makes_role = migration is None and spec.migration.enabled
    return Sources(found, redis, migration, replica, jwt_secret, makes_role)


class _ProblemError(Exception):
    def __init__(self, problem: SourceProblem) -> None:
        super().__init__(problem.message)
        self.problem = problem


def _invalid(reference: SecretKey | None, what: str) -> SourceProblem:
    where = f'Key "{reference.key}" of Secret "{reference.name}"' if reference else "A key"
    return SourceProblem(Reason.SECRET_VALUE_INVALID, f"{where} {what}.")


def _value(
    reference: SecretKey | None, refs: SecretRefs, secrets: Mapping[str, Values | None]
) -> bytes | None:
    if reference is None:
        return None
    values = secrets.get(reference.name)
    if values is None:
        message = f'Secret "{reference.name}" does not exist: create it, or correct the spec.'
        raise _ProblemError(SourceProblem(Reason.SECRET_NOT_FOUND, message))
    if reference.key not in values and reference not in refs.optional:
        message = f'Secret "{reference.name}" has no key "{reference.key}": add it.'
        raise _ProblemError(SourceProblem(Reason.SECRET_KEY_MISSING, message))
    return values.get(reference.key)


def _database(reference: SecretKey, value: bytes, spec: Spec) -> DatabaseSource:
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
    size = spec.database.pool_size or _pool_option(url, "connection_limit", DEFAULT_POOL_SIZE)
    timeout = spec.database.pool_timeout_seconds or _pool_option(
        url, "pool_timeout", DEFAULT_POOL_TIMEOUT
    )
    return DatabaseSource(reference, url.endpoints, url.user, url.path, options, size, timeout)


def _pool_option(url: Url, name: str, default: int) -> int:
    text = url.options.get(name)
    if text is None:
        return default
    largest = _POOL_OPTIONS[name]
    if not (text.isdecimal() and len(text) <= len(str(largest)) and 1 <= int(text) <= largest):
        raise UrlError(f"has a {name} that is not a whole number from 1 to {largest}")
    return int(text)


def _redis(reference: SecretKey, value: bytes, mode: str) -> RedisSource:
    url = parse_url(value, _SENTINEL_PORT if mode == "sentinel" else _REDIS_PORT)
    if url.scheme not in ("redis", "rediss"):
        raise UrlError("must begin with redis:// or, for TLS, rediss://")
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


def _jwt_secret(_: SecretKey, value: bytes) -> bytes:
    secret = value.rstrip(b"\r\n")
    if not SHORTEST_JWT_SECRET <= len(secret) <= _LONGEST_JWT_SECRET:
        raise UrlError(f"must be {SHORTEST_JWT_SECRET} to {_LONGEST_JWT_SECRET} bytes long")
    return secret


def _conflict(database: DatabaseSource, migration: DatabaseSource) -> str | None:
    if migration.name != database.name:
        return "names another database than the URL of the pods"
    if migration.user == database.user:
        return "has the same user as the URL of the pods, whose role must not own the tables"
    return None
