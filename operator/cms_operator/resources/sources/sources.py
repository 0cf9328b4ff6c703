"""What the source Secrets say: addresses and user names, but no password goes any further."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from cms_operator.api.conditions import Reason
from cms_operator.api.fields.authority import CertificateAuthority
from cms_operator.api.problem import Problem, ProblemError
from cms_operator.api.spec import Spec
from cms_operator.api.types import KeyReference
from cms_operator.resources.sources import authorities, source_values
from cms_operator.resources.sources.authorities import Authority
from cms_operator.resources.sources.source_values import DatabaseSource, RedisSource, SecretKey
from cms_operator.resources.sources.urls import UrlError

DATABASE_KEY = "database-url"
MIGRATION_KEY = "migration-database-url"
REPLICA_KEY = "database-read-replica-url"
REDIS_KEY = "redis-url"
JWT_KEY = "jwt-secret"
DATABASE_CA_KEY = "database-ca"
REDIS_CA_KEY = "redis-ca"

T = TypeVar("T")
Values = Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class SecretRefs:
    """The keys to read. An optional one is missed only where the spec names it by itself."""

    database: SecretKey
    redis: SecretKey
    migration: SecretKey | None
    replica: SecretKey | None
    jwt: SecretKey | None
    database_ca: SecretKey | None
    redis_ca: SecretKey | None
    optional: frozenset[SecretKey]

    @property
    def names(self) -> frozenset[str]:
        every = (
            *(self.database, self.redis, self.migration, self.replica, self.jwt),
            *(self.database_ca, self.redis_ca),
        )
        return frozenset(reference.name for reference in every if reference)


@dataclass(frozen=True, slots=True)
class Sources:
    database: DatabaseSource
    redis: RedisSource
    migration: DatabaseSource | None = None
    replica: DatabaseSource | None = None
    jwt_secret: bytes | None = field(default=None, repr=False)
    database_ca: Authority | None = None
    redis_ca: Authority | None = None
    makes_service_role: bool = False  # the pods' role is the operator's to make

    @property
    def owner(self) -> DatabaseSource:
        """The source whose role migrates."""
        return self.migration or self.database


class SourceError(Exception):
    def __init__(self, problems: tuple[Problem, ...]) -> None:
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

    def trust(given: CertificateAuthority | None, key: str) -> SecretKey | None:
        if given is not None and given.secret_key_ref is None:
            return None  # in a ConfigMap, which is the kubelet's to read
        return look(authorities.secret_of(given), key, needed=False)

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
        database_ca=trust(spec.database.ca, DATABASE_CA_KEY),
        redis_ca=trust(spec.redis.ca, REDIS_CA_KEY),
        optional=frozenset(optional),
    )


def read_sources(spec: Spec, secrets: Mapping[str, Values | None]) -> Sources:
    """Raises SourceError with all problems at once, so that they need not be mended one by one."""
    refs = required_secrets(spec)
    problems: dict[Problem, None] = {}

    def read(reference: SecretKey | None, parse: Callable[[SecretKey, bytes], T]) -> T | None:
        try:
            value = _value(reference, refs, secrets)
            return parse(reference, value) if reference and value is not None else None
        except ProblemError as error:
            problems[error.problem] = None
        except UrlError as error:
            problems[_invalid(reference, str(error))] = None
        return None

    def trusted(
        given: CertificateAuthority | None, reference: SecretKey | None
    ) -> Authority | None:
        if given is not None and given.config_map_key_ref is not None:
            return authorities.of_spec(given)
        return read(reference, source_values.authority)

    database_ca = trusted(spec.database.ca, refs.database_ca)
    redis_ca = trusted(spec.redis.ca, refs.redis_ca)

    def database(reference: SecretKey, value: bytes) -> DatabaseSource:
        return source_values.database(reference, value, spec, verify=database_ca is not None)

    found = read(refs.database, database)
    migration = read(refs.migration, database)
    replica = read(refs.replica, database)
    redis = read(
        refs.redis,
        lambda reference, value: source_values.redis(
            reference, value, spec.redis.mode, verify=redis_ca is not None
        ),
    )
    jwt_secret = read(refs.jwt, source_values.jwt_secret)
    if found and migration and (conflict := source_values.conflict(found, migration)):
        problems[_invalid(refs.migration, conflict)] = None
    if problems or found is None or redis is None:
        raise SourceError(tuple(problems))
    makes_role = migration is None and spec.migration.enabled
    return Sources(found, redis, migration, replica, jwt_secret, database_ca, redis_ca, makes_role)


def _invalid(reference: SecretKey | None, what: str) -> Problem:
    where = f'Key "{reference.key}" of Secret "{reference.name}"' if reference else "A key"
    return Problem(Reason.SECRET_VALUE_INVALID, f"{where} {what}.")


def _value(
    reference: SecretKey | None, refs: SecretRefs, secrets: Mapping[str, Values | None]
) -> bytes | None:
    if reference is None:
        return None
    values = secrets.get(reference.name)
    if values is None:
        message = f'Secret "{reference.name}" does not exist: create it, or correct the spec.'
        raise ProblemError(Problem(Reason.SECRET_NOT_FOUND, message))
    if reference.key not in values and reference not in refs.optional:
        message = f'Secret "{reference.name}" has no key "{reference.key}": add it.'
        raise ProblemError(Problem(Reason.SECRET_KEY_MISSING, message))
    return values.get(reference.key)
