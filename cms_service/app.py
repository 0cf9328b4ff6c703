"""Puts the parts of a process together."""

import asyncio
import random
import time
from dataclasses import dataclass

from cms_service.api_keys.uses import KeyUses
from cms_service.audit.jobs import ShortenAuditLog
from cms_service.auth.clients import Clients
from cms_service.auth.keys import KeyStore
from cms_service.auth.passwords import Passwords
from cms_service.core.background.jobs import Background, Job
from cms_service.core.background.resting import Resting
from cms_service.core.caching.body_cache import BodyCache
from cms_service.core.caching.shared_answers import SharedAnswers
from cms_service.core.http.admin import AdminApp
from cms_service.core.http.asgi import App, Receive, Scope, Send
from cms_service.core.http.observed import Observed
from cms_service.core.lifecycle import Lifecycle
from cms_service.core.postgres.database import Database
from cms_service.core.rate_limiting.rate_limits import ApiLimits
from cms_service.core.redis.store import RedisStore
from cms_service.core.settings.serve import ServeSettings
from cms_service.core.telemetry.metrics import Metrics
from cms_service.core.telemetry.tracing import Tracing
from cms_service.delivery import routes as delivery_routes
from cms_service.delivery.app import DeliveryApp
from cms_service.delivery.databases import DeliveryDatabases
from cms_service.delivery.definitions import Definitions
from cms_service.delivery.headers import AnswerHeaders, CachePolicy, Cors
from cms_service.delivery.repository import DeliveryRepository
from cms_service.delivery.service import DeliveryService
from cms_service.health import endpoints as health_endpoints
from cms_service.health.service import HealthService
from cms_service.hosts.routing import HostRouting
from cms_service.idempotency.jobs import ForgetAnswers
from cms_service.management import management
from cms_service.management_services import access_services, content_services, tenant_services
from cms_service.parts import Access, Content, Hosts, Stores
from cms_service.recycle_bin.jobs import EmptyBins
from cms_service.schedules.jobs import PublishOnTime
from cms_service.schedules.planners import Planners

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
    limits: ApiLimits
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
        await self.key_uses.close(seconds)
        await asyncio.gather(
            *(database.close(seconds) for database in self.databases), self.tracing.close(seconds)
        )
        await asyncio.gather(
            self.limits.close(),
            self.shared_answers.close(),
        )
        await self.redis.close()


def build(settings: ServeSettings) -> Cms:
    """Opens nothing yet. Raises SettingsError."""
    lifecycle = Lifecycle()
    stores = Stores.from_settings(settings)
    access = Access(settings, stores)
    content = Content(settings, stores.database, access.directory)
    hosts = Hosts(settings, stores.database)
    passwords = Passwords(stores.metrics)
    health = HealthService(stores.database, stores.redis)
    shared_answers = SharedAnswers(stores.redis)
    public = _Public(
        _delivery(settings, stores, access, shared_answers),
        management(
            {
                HealthService: health,
                Clients: Clients(settings.trusted_proxies),
                **access_services(settings, stores, access, passwords, content.audit),
                **tenant_services(settings, stores.database, access.directory, hosts),
                **content_services(stores.database, access.directory, content),
            }
        ),
    )
    return Cms(
        public=Observed(
            HostRouting(public, hosts.directory, hosts.shared),
            lifecycle,
            stores.metrics,
            settings.hcms_revision,
            _QUIET_ROUTES,
            stores.tracing,
        ),
        admin=AdminApp(
            lifecycle,
            stores.metrics,
            settings.hcms_revision,
            lambda: access.keys.ring.generation,
            settings.metrics_token_file,
        ),
        lifecycle=lifecycle,
        metrics=stores.metrics,
        database=stores.database,
        replica=stores.replica,
        redis=stores.redis,
        shared_answers=shared_answers,
        limits=access.limits,
        keys=access.keys,
        passwords=passwords,
        health=health,
        key_uses=access.key_uses,
        background=_background(settings, lifecycle, stores.database, access, content),
        tracing=stores.tracing,
    )


def _delivery(
    settings: ServeSettings, stores: Stores, access: Access, shared: SharedAnswers
) -> DeliveryApp:
    published = DeliveryRepository(
        DeliveryDatabases(stores.database, stores.replica, stores.metrics, time.monotonic)
    )
    cache = BodyCache(
        shared,
        stores.metrics,
        time.monotonic,
        settings.cache_name,
        settings.delivery_stale_seconds,
    )
    return DeliveryApp(
        access.directory,
        access.gate,
        access.limits.delivery,
        DeliveryService(published, Definitions(published), cache),
        _answer_headers(settings),
    )


def _answer_headers(settings: ServeSettings) -> AnswerHeaders:
    policy = CachePolicy(
        max_age=settings.delivery_max_age_seconds,
        stale_while_revalidate=settings.delivery_stale_while_revalidate_seconds,
        stale_if_error=settings.delivery_stale_if_error_seconds,
    )
    cors = Cors(settings.delivery_cors_origins)
    return AnswerHeaders(policy, settings.delivery_surrogate_header, cors)


class _Public:
    def __init__(self, delivery: App, management: App) -> None:
        self._delivery = delivery
        self._management = management

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_delivery = scope["path"].startswith(delivery_routes.PREFIX)
        app = self._delivery if is_delivery else self._management
        await app(scope, receive, send)


def _background(
    settings: ServeSettings,
    lifecycle: Lifecycle,
    database: Database,
    access: Access,
    content: Content,
) -> Background:
    jobs: tuple[Job, ...] = (
        PublishOnTime(
            content.schedules,
            content.entries,
            content.entry_repository,
            content.types,
            Planners(access.users, access.api_keys, time.time),
            random.shuffle,
            Resting(time.monotonic),
        ),
        EmptyBins(content.bin, settings.bin_days, Resting(time.monotonic)),
        ShortenAuditLog(content.audit, settings.audit_log_days),
        ForgetAnswers(database),
    )
    return Background(
        jobs,
        settings.schedule_interval_seconds,
        lifecycle,
        lambda: random.uniform(0.5, 1.5),  # noqa: S311 - spreads pods, keeps no secret
    )
