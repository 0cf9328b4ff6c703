"""A wrong setting is named by its variable, and its value is never repeated: it may be a secret."""

import pytest

from cms_service import app
from cms_service.core.settings.database_url import parse_database_url
from cms_service.core.settings.loading import SettingsError, load
from cms_service.core.settings.migrate import MigrateSettings
from cms_service.core.settings.redis_url import parse_redis_url
from cms_service.core.settings.serve import RedisMode, ServeSettings

RIGHT = {
    "DATABASE_URL": "postgresql://user:pass@db:5432/cms",
    "REDIS_URL": "redis://cache:6379/0",
    "JWT_SECRET": "a secret of at least 32 characters",
}


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name, value in RIGHT.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def test_the_documents_three_variables_are_enough() -> None:
    settings = load(ServeSettings)
    assert (settings.port, settings.admin_port) == (3000, 9000)
    assert settings.redis_mode is RedisMode.STANDALONE
    assert settings.database_url.connection_limit == 20
    assert settings.database_url.pool_timeout == 10
    assert settings.database_credentials().current().username == "user"


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"DATABASE_URL": "mysql://u:hunter2@host/db"}, "DATABASE_URL: must start with"),
        ({"DATABASE_URL": "postgresql://u:hunter2@host"}, "DATABASE_URL: must name a database"),
        ({"DATABASE_URL": "postgresql://u:hunter2@host/db?pool=2"}, "unknown option 'pool'"),
        (
            {"DATABASE_URL": "postgresql://u:hunter2@host/db?connection_limit=0"},
            "connection_limit must be a whole number",
        ),
        (
            {"DATABASE_URL": "postgresql://u:hunter2@host/db?pool_timeout=hunter2"},
            "pool_timeout must be a number",
        ),
        (
            {"DATABASE_URL": "postgresql://u:hunter2@host/db?sslmode=require&sslmode=disable"},
            "names an option twice",
        ),
        ({"DATABASE_URL": "postgresql://host/db"}, "DATABASE_CREDENTIALS_DIR"),
        ({"DATABASE_CREDENTIALS_DIR": "/hunter2"}, "exactly one of DATABASE_CREDENTIALS_DIR"),
        ({"DATABASE_READ_REPLICA_URL": "postgresql://r/db"}, "to the read replica"),
        (
            {
                "DATABASE_READ_REPLICA_URL": "postgresql://u:hunter2@r/db",
                "DATABASE_READ_REPLICA_CREDENTIALS_URL_FILE": "/hunter2",
            },
            "to the read replica",
        ),
        (
            {"DATABASE_READ_REPLICA_URL": "postgresql://u:hunter2@r/db?connection_limit=0"},
            "DATABASE_READ_REPLICA_URL: connection_limit must be",
        ),
        ({"DATABASE_URL": ""}, "DATABASE_URL: Field required"),
        ({"REDIS_URL": "http://:hunter2@host"}, "REDIS_URL: must start with"),
        ({"REDIS_URL": "redis://:hunter2@host:70000"}, "REDIS_URL: must name each server"),
        ({"DATABASE_URL": "postgresql://u:hunter2@h/db?sslmode=full"}, "sslmode must be one of"),
        ({"DATABASE_URL": "postgresql://u:hunter2@h/db?sslrootcert=/x"}, "sslmode=verify-full"),
        (
            {"DATABASE_URL": "postgresql://u:hunter2@h/db?sslmode=allow&sslrootcert=/x"},
            "sslrootcert needs sslmode=verify-full",
        ),
        ({"REDIS_CA_FILE": "/hunter2"}, "REDIS_CA_FILE: needs a REDIS_URL that begins with rediss"),
        ({"REDIS_MODE": "sentinel"}, "REDIS_SENTINEL_MASTER must be set"),
        ({"REDIS_MODE": "hunter2"}, "REDIS_MODE"),
        ({"JWT_SECRET": "hunter2"}, "JWT_SECRET: a key must have at least 32 bytes"),
        ({"JWT_KEYS_FILE": "/keys.json"}, "exactly one of JWT_KEYS_FILE and JWT_SECRET"),
        ({"JWT_KEYS_FILE": "/keys.json", "JWT_SECRET": ""}, "JWT_KEYS_FILE: "),
        ({"PORT": "99999"}, "PORT"),
        ({"PORT": "9000"}, "PORT and ADMIN_PORT must differ"),
        ({"DRAIN_SECONDS": "hunter2"}, "DRAIN_SECONDS"),
        ({"TRUSTED_PROXIES": "10.0.0.0/8,hunter2"}, "TRUSTED_PROXIES: must name networks"),
        ({"RATE_LIMIT_DELIVERY_CLIENT": "-1"}, "RATE_LIMIT_DELIVERY_CLIENT"),
        ({"ENTRY_VERSIONS_KEPT": "1"}, "ENTRY_VERSIONS_KEPT"),
        ({"AUDIT_LOG_DAYS": "7"}, "AUDIT_LOG_DAYS"),
        ({"DATABASE_URL": "postgresql://u:hunter2@host/db?pgbouncer=hunter2"}, "true or false"),
        ({"OTEL_TRACES_EXPORTER": "hunter2"}, "OTEL_TRACES_EXPORTER"),
        ({"OTEL_TRACES_SAMPLER": "hunter2"}, "OTEL_TRACES_SAMPLER"),
        ({"OTEL_TRACES_SAMPLER_ARG": "2"}, "OTEL_TRACES_SAMPLER_ARG"),
        ({"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "OTEL_EXPORTER_OTLP_PROTOCOL"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://u:hunter2@host"}, "OTEL_EXPORTER_OTLP_ENDPOINT"),
        ({"DELIVERY_CORS_ORIGINS": "*.hunter2"}, "DELIVERY_CORS_ORIGINS: must be origins"),
        (
            {"DELIVERY_CORS_ORIGINS": "https://www.example, hunter2"},
            "DELIVERY_CORS_ORIGINS: must be origins",
        ),
        ({"DELIVERY_SURROGATE_HEADER": "hunter2"}, "DELIVERY_SURROGATE_HEADER"),
        ({"DELIVERY_MAX_AGE_SECONDS": "-1"}, "DELIVERY_MAX_AGE_SECONDS"),
    ],
)
def test_wrong_settings_are_named_and_never_repeated(
    environment: pytest.MonkeyPatch, change: dict[str, str], complaint: str
) -> None:
    for name, value in change.items():
        environment.setenv(name, value)
    with pytest.raises(SettingsError) as refused:
        app.build(load(ServeSettings))
    assert complaint in str(refused.value)
    assert "hunter2" not in str(refused.value)


def test_a_migration_needs_to_know_the_services_role() -> None:
    with pytest.raises(SettingsError, match="SERVICE_ROLE_DIR and SERVICE_ROLE_URL_FILE"):
        load(MigrateSettings)


def test_a_migration_does_not_go_through_pgbouncer(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("SERVICE_ROLE_DIR", "/role")
    environment.setenv("DATABASE_URL", "postgresql://u:hunter2@pooler:6432/db?pgbouncer=true")
    with pytest.raises(SettingsError, match="not through PgBouncer") as refused:
        load(MigrateSettings)
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(
    ("change", "endpoint"),
    [
        ({}, "http://localhost:4318/v1/traces"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "https://c:4318/otlp/"}, "https://c:4318/otlp/v1/traces"),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://c/here"}, "http://c/here"),
    ],
)
def test_spans_go_where_opentelemetrys_variables_say(
    environment: pytest.MonkeyPatch, change: dict[str, str], endpoint: str
) -> None:
    for name, value in change.items():
        environment.setenv(name, value)
    assert load(ServeSettings).traces_endpoint == endpoint


def test_a_database_url_is_split_into_place_credentials_and_pool() -> None:
    url = parse_database_url(
        "postgresql://us%40er:p%2Fw%3A%23@db.example:6432/cms"
        "?connection_limit=7&pool_timeout=2.5&sslmode=verify-full&pgbouncer=true"
    )
    assert url.dsn == "postgresql://db.example:6432/cms?sslmode=verify-full"
    assert url.place == "db.example:6432/cms"
    assert url.credentials is not None
    assert (url.credentials.username, url.credentials.password) == ("us@er", "p/w:#")
    assert (url.connection_limit, url.pool_timeout, url.pgbouncer) == (7, 2.5, True)
    place = {"server.address": "db.example", "server.port": 6432, "db.namespace": "cms"}
    assert url.attributes == place
    assert "p/w" not in repr(url)


@pytest.mark.parametrize(
    ("text", "hosts", "database", "tls"),
    [
        ("redis://cache", (("cache", 6379),), 0, False),
        ("rediss://user:p@cache:6380/3", (("cache", 6380),), 3, True),
        ("redis://a:1,b:2,redis://c/1", (("a", 1), ("b", 2), ("c", 6379)), 1, False),
        ("redis://[::1]:6379/0", (("::1", 6379),), 0, False),
        ("redis://[::1]", (("::1", 6379),), 0, False),
    ],
)
def test_a_redis_url_names_one_server_or_several(
    text: str, hosts: tuple[tuple[str, int], ...], database: int, *, tls: bool
) -> None:
    url = parse_redis_url(text)
    assert (url.hosts, url.database, url.tls) == (hosts, database, tls)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("hunter2", "DEFAULT_LIMITS: the text: Invalid JSON"),
        ('{"entries": -1}', "DEFAULT_LIMITS: entries: Input should be greater"),
        ('{"hunters": 2}', "DEFAULT_LIMITS: hunters: Extra inputs"),
    ],
)
def test_wrong_default_limits_are_named(
    environment: pytest.MonkeyPatch, text: str, complaint: str
) -> None:
    environment.setenv("DEFAULT_LIMITS", text)
    environment.setenv("SERVICE_ROLE_DIR", "/role")
    with pytest.raises(SettingsError) as refused:
        load(MigrateSettings)
    assert complaint in str(refused.value)
    assert "hunter2" not in str(refused.value)


def test_default_limits_may_be_set_one_by_one(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("DEFAULT_LIMITS", '{"entries": 5}')
    environment.setenv("SERVICE_ROLE_DIR", "/role")
    limits = load(MigrateSettings).default_limits
    assert (limits.entries, limits.users) == (5, 1_000)
