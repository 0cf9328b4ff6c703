"""Puts the parts together: the only place that knows them all."""

import asyncio
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI

from cms_service import VERSION
from cms_service.api_description import delivery as delivery_description
from cms_service.api_description import endpoints as api_description_endpoints
from cms_service.api_description.document import document_of
from cms_service.api_description.operations import Document
from cms_service.api_description.service import ApiDescription
from cms_service.api_keys import endpoints as api_key_endpoints
from cms_service.api_keys.repository import ApiKeyRepository
from cms_service.api_keys.service import ApiKeyService
from cms_service.api_keys.uses import KeyUses
from cms_service.audit import endpoints as audit_endpoints
from cms_service.audit.repository import AuditRepository
from cms_service.auth import endpoints as auth_endpoints
from cms_service.auth.clients import Clients
from cms_service.auth.gate import Gate
from cms_service.auth.keys import KeyStore, parse_key_ring, ring_of_secret
from cms_service.auth.passwords import Passwords
from cms_service.auth.service import AuthService
from cms_service.auth.sessions import Sessions
from cms_service.auth.throttle import LoginThrottle
from cms_service.auth.tokens import AccessTokens
from cms_service.bin import endpoints as bin_endpoints
from cms_service.bin.repository import BinRepository
from cms_service.bin.service import BinService
from cms_service.bulk import endpoints as bulk_endpoints
from cms_service.bulk.service import BulkService
from cms_service.content_types import endpoints as content_type_endpoints
from cms_service.content_types.repository import ContentTypeRepository
from cms_service.content_types.service import ContentTypeService
from cms_service.core import health_endpoints
from cms_service.core.admin import AdminApp
from cms_service.core.answers import answers_of
from cms_service.core.background import Background, Job
from cms_service.core.buckets import Buckets
from cms_service.core.cache import BodyCache
from cms_service.core.connecting import DatabaseName
from cms_service.core.credentials import fixed
from cms_service.core.database import Database
from cms_service.core.gcra import per_minute
from cms_service.core.health import HealthService
from cms_service.core.http import App, Observed, Receive, Scope, Send
from cms_service.core.lifecycle import Lifecycle
from cms_service.core.metrics import Metrics
from cms_service.core.place import REDIS_PORT, SENTINEL_PORT
from cms_service.core.problems import install_problem_handlers
from cms_service.core.rate_limits import RateLimits
from cms_service.core.redis_store import RedisStore, make_client
from cms_service.core.redis_url import parse_redis_url
from cms_service.core.settings import RedisMode, ServeSettings, SettingsError, TracesExporter
from cms_service.core.shared_answers import SharedAnswers
from cms_service.core.strict_route import StrictRoute
from cms_service.core.tracing import UNTRACED, Tracing
from cms_service.core.url_file import from_url_file
from cms_service.delivery import routes as delivery_routes
from cms_service.delivery.app import DeliveryApp
from cms_service.delivery.databases import DeliveryDatabases
from cms_service.delivery.definitions import Definitions
from cms_service.delivery.headers import AnswerHeaders, CachePolicy, Cors
from cms_service.delivery.repository import DeliveryRepository
from cms_service.delivery.service import DeliveryService
from cms_service.entries import endpoints as entry_endpoints
from cms_service.entries import search_endpoints
from cms_service.entries.references import ReferenceRepository
from cms_service.entries.repository import EntryRepository
from cms_service.entries.search import EntrySearch
from cms_service.entries.service import EntryService
from cms_service.hosts import endpoints as host_endpoints
from cms_service.hosts.directory import HostDirectory
from cms_service.hosts.repository import HostRepository
from cms_service.hosts.routing import API_PREFIX, HostRouting
from cms_service.hosts.service import HostService
from cms_service.hosts.shared import SharedHosts
from cms_service.idempotency.service import ForgetAnswers, Idempotency
from cms_service.limits import endpoints as limit_endpoints
from cms_service.limits.repository import LimitRepository
from cms_service.locales import endpoints as locale_endpoints
from cms_service.locales.repository import LocaleRepository
from cms_service.locales.service import LocaleService
from cms_service.roles import endpoints as role_endpoints
from cms_service.roles.repository import RoleRepository
from cms_service.roles.service import RoleService
from cms_service.schedules import endpoints as schedule_endpoints
from cms_service.schedules.jobs import EmptyBins, PublishOnTime, ShortenAuditLog
from cms_service.schedules.planners import Planners
from cms_service.schedules.repository import ScheduleRepository
from cms_service.schedules.service import ScheduleService
from cms_service.tenants import endpoints as tenant_endpoints
from cms_service.tenants.access import AccessChanges
from cms_service.tenants.directory import TenantDirectory
from cms_service.tenants.repository import TenantRepository
from cms_service.tenants.service import TenantService
from cms_service.users import endpoints as user_endpoints
from cms_service.users.repository import UserRepository
from cms_service.users.service import UserService
from cms_service.versions import endpoints as version_endpoints
from cms_service.versions.repository import VersionRepository
from cms_service.versions.service import VersionService

_ROUTERS = (
    health_endpoints.router,
    api_description_endpoints.router,
    api_description_endpoints.content_router,
    auth_endpoints.router,
    tenant_endpoints.router,
    locale_endpoints.router,
    user_endpoints.router,
    role_endpoints.router,
    api_key_endpoints.router,
    host_endpoints.router,
    limit_endpoints.router,
    content_type_endpoints.router,
    entry_endpoints.router,
    search_endpoints.router,
    version_endpoints.router,
    schedule_endpoints.router,
    bin_endpoints.router,
    bulk_endpoints.router,
    audit_endpoints.router,
)
_QUIET_ROUTES = frozenset(
    {health_endpoints.ROUTE, delivery_routes.ENTRY_ROUTE, delivery_routes.LIST_ROUTE}
)


@dataclass(frozen=True)
class Cms:
    """What a running process consists of."""

    public: App
    admin: App
    lifecycle: Lifecycle
    metrics: Metrics
    database: Database
    replica: Database | None
    redis: RedisStore
    shared_answers: SharedAnswers
    limits: "_Limits"
    keys: KeyStore
    passwords: Passwords
    health: HealthService
    key_uses: KeyUses
    background: Background
    tracing: Tracing

    @property
    def databases(self) -> list[Database]:
        return [self.database] if self.replica is None else [self.database, self.replica]

    async def open(self) -> None:
        """Makes no connection."""
        for database in self.databases:
            await database.open()

    async def close(self, seconds: float) -> None:
        self.passwords.close()
        await self.key_uses.close()
        await asyncio.gather(
            *(database.close(seconds) for database in self.databases), self.tracing.close(seconds)
        )
        await asyncio.gather(
            self.limits.delivery.close(),
            self.limits.management.close(),
            self.shared_answers.close(),
        )
        await self.redis.close()


def build(settings: ServeSettings) -> Cms:
    """Opens nothing yet. Raises SettingsError."""
    lifecycle = Lifecycle()
    metrics = Metrics(settings.hcms_revision)
    tracing = _tracing(settings, metrics)
    database = Database(
        DatabaseName.PRIMARY,
        settings.database_url,
        settings.database_credentials(),
        metrics,
        tracing,
    )
    replica = _replica(settings, metrics, tracing)
    redis = _redis(settings, metrics, tracing)
    keys = _keys(settings)
    passwords = Passwords(metrics)
    tokens = AccessTokens(keys, settings.access_token_seconds, time.time)
    directory = TenantDirectory(
        TenantRepository(database), time.monotonic, settings.delivery_stale_seconds
    )
    users = UserRepository(database)
    hosts = HostRepository(database)
    host_directory = HostDirectory(hosts.tenants_of, time.monotonic)
    shared_hosts = SharedHosts(settings.shared_hosts, settings.hcms_name, settings.hcms_namespace)
    api_keys = ApiKeyRepository(database)
    key_uses = KeyUses(api_keys.note_use, time.monotonic)
    gate = Gate(tokens, users, api_keys, key_uses.note, time.time)
    changes = AccessChanges(database, directory)
    roles = RoleService(RoleRepository(database), changes)
    content_type_repository = ContentTypeRepository(database)
    content_types = ContentTypeService(content_type_repository, directory, time.monotonic)
    entry_repository = EntryRepository(database, settings.entry_versions_kept)
    entries = EntryService(
        entry_repository, ReferenceRepository(database), content_types, directory
    )
    schedules = ScheduleRepository(database)
    audit = AuditRepository(database)
    bin_repository = BinRepository(database)
    health = HealthService(database, redis)
    sessions = Sessions(redis, settings.refresh_token_seconds, settings.session_seconds)
    buckets = Buckets(redis, _microseconds)
    throttle = LoginThrottle(buckets, redis)
    limits = _limits(settings, buckets)
    management = _management(
        {
            Gate: gate,
            TenantDirectory: directory,
            RateLimits: limits.management,
            Clients: Clients(settings.trusted_proxies),
            HealthService: health,
            ApiDescription: ApiDescription(api_document, content_type_repository),
            Idempotency: Idempotency(database),
            AuthService: AuthService(
                directory, users, passwords, sessions, tokens, throttle=throttle, audit=audit
            ),
            TenantService: TenantService(TenantRepository(database), directory),
            RoleService: roles,
            ApiKeyService: ApiKeyService(api_keys, roles, changes, time.time),
            LimitRepository: LimitRepository(database),
            HostService: HostService(hosts, host_directory, shared_hosts, settings.hcms_route_host),
            UserService: UserService(users, roles, passwords, changes),
            ContentTypeService: content_types,
            LocaleService: LocaleService(LocaleRepository(database), directory),
            EntryService: entries,
            EntrySearch: EntrySearch(entry_repository, content_types),
            VersionService: VersionService(VersionRepository(database), entries, content_types),
            BinService: BinService(bin_repository, entries, content_types),
            ScheduleService: ScheduleService(schedules, entries),
            BulkService: BulkService(entries, entry_repository, content_types, directory),
            AuditRepository: audit,
        }
    )
    published = DeliveryRepository(DeliveryDatabases(database, replica, metrics, time.monotonic))
    shared = SharedAnswers(redis)
    stale_seconds = settings.delivery_stale_seconds
    cache = BodyCache(shared, metrics, time.monotonic, settings.cache_name, stale_seconds)
    delivery = DeliveryApp(
        directory,
        gate,
        limits.delivery,
        DeliveryService(published, Definitions(published), cache),
        _answer_headers(settings),
    )
    public = HostRouting(_Public(delivery, management), host_directory, shared_hosts)
    return Cms(
        public=Observed(public, lifecycle, metrics, settings.hcms_revision, _QUIET_ROUTES, tracing),
        admin=AdminApp(
            lifecycle,
            metrics,
            settings.hcms_revision,
            lambda: keys.ring.generation,
            settings.metrics_token_file,
        ),
        lifecycle=lifecycle,
        metrics=metrics,
        database=database,
        replica=replica,
        redis=redis,
        shared_answers=shared,
        limits=limits,
        keys=keys,
        passwords=passwords,
        health=health,
        key_uses=key_uses,
        background=_background(
            settings,
            lifecycle,
            PublishOnTime(
                schedules,
                entries,
                entry_repository,
                content_types,
                Planners(users, api_keys, time.time),
                random.shuffle,
            ),
            EmptyBins(bin_repository, settings.bin_days),
            ShortenAuditLog(audit, settings.audit_log_days),
            ForgetAnswers(database),
        ),
        tracing=tracing,
    )


def _background(settings: ServeSettings, lifecycle: Lifecycle, *jobs: Job) -> Background:
    return Background(
        jobs,
        settings.schedule_interval_seconds,
        lifecycle,
        lambda: random.uniform(0.5, 1.5),  # noqa: S311 - spreads pods, keeps no secret
    )


class _Public:
    def __init__(self, delivery: App, management: App) -> None:
        self._delivery = delivery
        self._management = management

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_delivery = scope["path"].startswith(delivery_routes.PREFIX)
        app = self._delivery if is_delivery else self._management
        await app(scope, receive, send)


def _management(services: Mapping[type, Any]) -> FastAPI:
    app = FastAPI(openapi_url=None, redirect_slashes=False)
    app.state.services = services
    install_problem_handlers(app)
    # They are tried one after the other: the one that is asked most comes first.
    for router in sorted(_ROUTERS, key=lambda router: router is not entry_endpoints.router):
        app.include_router(router)
    return app


def api_document() -> Document:
    routes = [route for each in _ROUTERS for route in each.routes if isinstance(route, StrictRoute)]
    return document_of(
        routes,
        {API_PREFIX: answers_of(HostRouting.__call__)},
        delivery_description.operations(),
        delivery_description.schemas(),
    )


@dataclass(frozen=True)
class _Limits:
    delivery: RateLimits
    management: RateLimits


def _limits(settings: ServeSettings, buckets: Buckets) -> _Limits:
    def limits(api: str, client: int, tenant: int) -> RateLimits:
        return RateLimits(api, per_minute(client), per_minute(tenant), buckets, _microseconds)

    return _Limits(
        limits(
            "delivery", settings.rate_limit_delivery_client, settings.rate_limit_delivery_tenant
        ),
        limits(
            "management",
            settings.rate_limit_management_client,
            settings.rate_limit_management_tenant,
        ),
    )


def _microseconds() -> int:
    return time.monotonic_ns() // 1000


def _tracing(settings: ServeSettings, metrics: Metrics) -> Tracing:
    if settings.otel_traces_exporter is TracesExporter.NONE:
        return UNTRACED
    # Imported here: who traces nothing shall not pay for it.
    from cms_service.core.otlp import OtlpTracing  # noqa: PLC0415 - as said

    resource = {
        "service.name": settings.otel_service_name,
        "service.namespace": settings.hcms_namespace,
        "service.version": VERSION,
        "hcms.name": settings.hcms_name,
        "hcms.revision": settings.hcms_revision,
    }
    return OtlpTracing(
        settings.traces_endpoint,
        settings.otel_traces_sampler_arg,
        {name: value for name, value in resource.items() if value},
        metrics,
    )


def _answer_headers(settings: ServeSettings) -> AnswerHeaders:
    policy = CachePolicy(
        max_age=settings.delivery_max_age_seconds,
        stale_while_revalidate=settings.delivery_stale_while_revalidate_seconds,
        stale_if_error=settings.delivery_stale_if_error_seconds,
    )
    cors = Cors(settings.delivery_cors_origins)
    return AnswerHeaders(policy, settings.delivery_surrogate_header, cors)


def _replica(settings: ServeSettings, metrics: Metrics, tracing: Tracing) -> Database | None:
    if settings.database_read_replica_url is None:
        return None
    return Database(
        DatabaseName.REPLICA,
        settings.database_read_replica_url,
        settings.replica_credentials(),
        metrics,
        tracing,
    )


def _redis(settings: ServeSettings, metrics: Metrics, tracing: Tracing) -> RedisStore:
    try:
        url = parse_redis_url(settings.redis_url.get_secret_value())
    except ValueError as error:
        raise SettingsError(f"REDIS_URL: {error}") from None
    credentials = fixed(url.credentials) if url.credentials else None
    if settings.redis_credentials_url_file is not None:
        credentials = from_url_file(
            settings.redis_credentials_url_file,
            settings.redis_url.get_secret_value().strip(),
            SENTINEL_PORT if settings.redis_mode is RedisMode.SENTINEL else REDIS_PORT,
        )
    if settings.redis_ca_file is not None and not url.tls:
        raise SettingsError("REDIS_CA_FILE: needs a REDIS_URL that begins with rediss://")
    client, helpers = make_client(
        url,
        settings.redis_mode,
        settings.redis_sentinel_master,
        credentials,
        settings.redis_ca_file,
    )
    return RedisStore(client, metrics, time.monotonic, helpers, tracing)


def _keys(settings: ServeSettings) -> KeyStore:
    try:
        if settings.jwt_secret is not None:
            return KeyStore(ring_of_secret(settings.jwt_secret.get_secret_value()))
    except ValueError as error:
        raise SettingsError(f"JWT_SECRET: {error}") from None
    if settings.jwt_keys_file is None:  # excluded by the settings' own check
        raise AssertionError
    try:
        return KeyStore(parse_key_ring(settings.jwt_keys_file.read_bytes()))
    except (OSError, ValueError) as error:
        raise SettingsError(f"JWT_KEYS_FILE: {error}") from None
