import re
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, PlainValidator, SecretStr, model_validator
from pydantic_settings import NoDecode

from cms_service.core.credentials.place import POSTGRES_PORT
from cms_service.core.credentials.sources import CredentialSource, fixed, from_directory
from cms_service.core.credentials.url_file import from_url_file
from cms_service.core.settings.database import DatabaseSettings
from cms_service.core.settings.database_url import DatabaseUrl, parse_database_url
from cms_service.core.settings.networks import Network, parse_networks
from cms_service.core.validation.host_name import HOST_NAME

OptionalDatabaseUrlSetting = Annotated[
    DatabaseUrl | None,
    NoDecode,
    PlainValidator(lambda text: None if text is None else parse_database_url(text)),
]
Networks = Annotated[tuple[Network, ...], NoDecode, PlainValidator(parse_networks)]
# Requests in a minute; 0 for no limit.
RateLimit = Annotated[int, Field(ge=0, le=6_000_000)]
# Credentials belong into OTEL_EXPORTER_OTLP_HEADERS: an address is shown in messages.
OtlpEndpoint = Annotated[str, Field(pattern=r"^https?://[^\s@?#]+$", max_length=512)]
Port = Annotated[int, Field(ge=1, le=65535)]
CacheSeconds = Annotated[int, Field(ge=0, le=31_536_000)]

_ORIGIN = re.compile(r"https?://[a-z0-9.-]{1,253}(:[0-9]{1,5})?|\*")


class RedisMode(StrEnum):
    STANDALONE = "standalone"
    SENTINEL = "sentinel"
    CLUSTER = "cluster"


class TracesExporter(StrEnum):
    NONE = "none"
    OTLP = "otlp"


class SurrogateHeader(StrEnum):
    """Fastly and Varnish know the first, Cloudflare the second."""

    SURROGATE_KEY = "surrogate-key"
    CACHE_TAG = "cache-tag"
    NONE = "none"


def _joined_by_commas(
    pattern: re.Pattern[str], what: str, same: Callable[[str], str] = str
) -> PlainValidator:
    """Takes a text apart, and writes each part as `same` does; what is no text stays as it is."""

    def parts_of(value: object) -> object:
        if not isinstance(value, str):
            return value
        parts = frozenset(same(part.strip()) for part in value.split(",")) - {""}
        if any(pattern.fullmatch(part) is None for part in parts):
            raise ValueError(f"must be {what}")
        return parts

    return PlainValidator(parts_of)


CorsOrigins = Annotated[
    frozenset[str],
    NoDecode,
    _joined_by_commas(_ORIGIN, "origins like https://www.example.com, joined by commas, or *"),
]
HostNames = Annotated[
    frozenset[str],
    NoDecode,
    _joined_by_commas(
        HOST_NAME,
        "host names like cms.example.com, joined by commas",
        lambda host: host.lower().removesuffix("."),
    ),
]


class ServeSettings(DatabaseSettings):
    hcms_route_host: str = Field(default="", max_length=253)
    host: str = ""  # all addresses, of IPv4 and of IPv6
    port: Port = 3000
    admin_port: Port = 9000
    database_read_replica_url: OptionalDatabaseUrlSetting = None
    database_read_replica_credentials_url_file: Path | None = None
    redis_url: SecretStr
    redis_credentials_url_file: Path | None = None
    redis_mode: RedisMode = RedisMode.STANDALONE
    redis_sentinel_master: str = ""
    redis_ca_file: Path | None = None
    jwt_keys_file: Path | None = None
    jwt_secret: SecretStr | None = None
    access_token_seconds: int = Field(default=900, ge=10, le=86_400)
    refresh_token_seconds: int = Field(default=1_209_600, ge=60, le=31_536_000)
    shared_hosts: HostNames = frozenset()
    trusted_proxies: Networks = Field(default=(), validate_default=False)
    rate_limit_delivery_client: RateLimit = 1_200_000
    rate_limit_delivery_tenant: RateLimit = 3_000_000
    rate_limit_management_client: RateLimit = 60_000
    rate_limit_management_tenant: RateLimit = 300_000
    session_seconds: int = Field(default=7_776_000, ge=60, le=31_536_000)
    metrics_token_file: Path | None = None
    drain_seconds: float = Field(default=10, ge=0, le=600)
    entry_versions_kept: int = Field(default=100, ge=2, le=10_000)
    bin_days: int = Field(default=30, ge=1, le=3650)
    audit_log_days: int = Field(default=365, ge=30, le=36_500)
    schedule_interval_seconds: float = Field(default=5, ge=0.1, le=3600)
    # By OpenTelemetry's names. The SDK itself reads more of them: headers, certificates, time-out,
    # compression, OTEL_RESOURCE_ATTRIBUTES.
    otel_traces_exporter: TracesExporter = TracesExporter.NONE
    otel_traces_sampler: Literal["parentbased_traceidratio"] = "parentbased_traceidratio"
    otel_traces_sampler_arg: float = Field(default=0.01, ge=0, le=1)
    otel_exporter_otlp_protocol: Literal["http/protobuf"] = "http/protobuf"
    otel_exporter_otlp_endpoint: OtlpEndpoint = "http://localhost:4318"
    otel_exporter_otlp_traces_endpoint: OtlpEndpoint | None = None
    otel_service_name: str = Field(default="headlesscms", max_length=256)
    delivery_max_age_seconds: CacheSeconds = 1
    delivery_stale_while_revalidate_seconds: CacheSeconds = 10
    delivery_stale_if_error_seconds: CacheSeconds = 3600
    delivery_stale_seconds: CacheSeconds = 86_400
    delivery_surrogate_header: SurrogateHeader = SurrogateHeader.SURROGATE_KEY
    delivery_cors_origins: CorsOrigins = frozenset()
    delivery_cache_name: str = Field(default="", max_length=256)

    @property
    def cache_name(self) -> str:
        """Processes of one name find each other's answers in Redis."""
        return self.delivery_cache_name or self.hcms_revision

    @property
    def traces_endpoint(self) -> str:
        whole = self.otel_exporter_otlp_traces_endpoint
        return whole or f"{self.otel_exporter_otlp_endpoint.rstrip('/')}/v1/traces"

    @model_validator(mode="after")
    def _one_source_of_replica_credentials(self) -> Self:
        replica = self.database_read_replica_url
        sources = self._replica_credentials(replica) if replica else []
        if replica is not None and len(sources) != 1:
            raise ValueError(
                "exactly one of DATABASE_CREDENTIALS_DIR,"
                " DATABASE_READ_REPLICA_CREDENTIALS_URL_FILE and a user name in"
                " DATABASE_READ_REPLICA_URL must say who connects to the read replica"
            )
        return self

    def replica_credentials(self) -> CredentialSource:
        """The replica's credentials; the settings have to name one."""
        if self.database_read_replica_url is None:
            raise AssertionError
        (source,) = self._replica_credentials(self.database_read_replica_url)
        return source

    def _replica_credentials(self, replica: DatabaseUrl) -> list[CredentialSource]:
        sources = []
        if self.database_credentials_dir is not None:
            sources.append(from_directory(self.database_credentials_dir))
        if (url_file := self.database_read_replica_credentials_url_file) is not None:
            sources.append(from_url_file(url_file, replica.dsn, POSTGRES_PORT))
        if replica.credentials is not None:
            sources.append(fixed(replica.credentials))
        return sources

    @model_validator(mode="after")
    def _keys_and_redis_fit(self) -> Self:
        if (self.jwt_keys_file is None) == (self.jwt_secret is None):
            raise ValueError("exactly one of JWT_KEYS_FILE and JWT_SECRET must be set")
        if self.redis_mode is RedisMode.SENTINEL and not self.redis_sentinel_master:
            raise ValueError("REDIS_SENTINEL_MASTER must be set when REDIS_MODE is sentinel")
        if self.port == self.admin_port:
            raise ValueError("PORT and ADMIN_PORT must differ")
        return self
