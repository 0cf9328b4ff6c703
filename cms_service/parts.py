"""What services share: the stores, and who knows tenants, callers, content and hosts."""

import time
from dataclasses import dataclass
from typing import Self

from cms_service.api_keys.repository import ApiKeyRepository
from cms_service.api_keys.uses import KeyUses
from cms_service.audit.repository import AuditRepository
from cms_service.auth.gate import Gate
from cms_service.auth.keys import KeyStore
from cms_service.auth.tokens import AccessTokens
from cms_service.content_types.repository import ContentTypeRepository
from cms_service.content_types.service import ContentTypeService
from cms_service.core.postgres.connecting import DatabaseName
from cms_service.core.postgres.database import Database
from cms_service.core.rate_limiting.buckets import Buckets
from cms_service.core.rate_limiting.rate_limits import ApiLimits
from cms_service.core.redis.store import RedisStore
from cms_service.core.settings.serve import ServeSettings
from cms_service.core.telemetry.metrics import Metrics
from cms_service.core.telemetry.trace_exporter import tracing_of
from cms_service.core.telemetry.tracing import Tracing
from cms_service.entries.references import ReferenceRepository
from cms_service.entries.repository import EntryRepository
from cms_service.entries.service import EntryService
from cms_service.hosts.directory import HostDirectory
from cms_service.hosts.repository import HostRepository
from cms_service.hosts.shared import SharedHosts
from cms_service.recycle_bin.repository import BinRepository
from cms_service.schedules.repository import ScheduleRepository
from cms_service.tenants.directory import TenantDirectory
from cms_service.tenants.repository import TenantRepository
from cms_service.users.repository import UserRepository


@dataclass(frozen=True)
class Stores:
    """Where everything is kept, and how that is watched."""

    metrics: Metrics
    tracing: Tracing
    database: Database
    replica: Database | None
    redis: RedisStore

    @classmethod
    def from_settings(cls, settings: ServeSettings) -> Self:
        metrics = Metrics(settings.hcms_revision)
        tracing = tracing_of(settings, metrics)
        return cls(
            metrics,
            tracing,
            Database(
                DatabaseName.PRIMARY,
                settings.database_url,
                settings.database_credentials(),
                metrics,
                tracing,
            ),
            _replica(settings, metrics, tracing),
            RedisStore.from_settings(settings, metrics, tracing, time.monotonic),
        )


class Access:
    """Who may ask, and how often."""

    def __init__(self, settings: ServeSettings, stores: Stores) -> None:
        database = stores.database
        self.keys = KeyStore.from_settings(settings)
        self.tokens = AccessTokens(self.keys, settings.access_token_seconds, time.time)
        self.directory = TenantDirectory(
            TenantRepository(database), time.monotonic, settings.delivery_stale_seconds
        )
        self.users = UserRepository(database)
        self.api_keys = ApiKeyRepository(database)
        self.key_uses = KeyUses(self.api_keys.note_use, time.monotonic)
        self.gate = Gate(self.tokens, self.users, self.api_keys, self.key_uses.note, time.time)
        self.buckets = Buckets(stores.redis, _microseconds)
        self.limits = ApiLimits.from_settings(settings, self.buckets, _microseconds)


class Content:
    """What tenants write."""

    def __init__(
        self, settings: ServeSettings, database: Database, directory: TenantDirectory
    ) -> None:
        self.type_repository = ContentTypeRepository(database)
        self.types = ContentTypeService(self.type_repository, directory, time.monotonic)
        self.entry_repository = EntryRepository(database, settings.entry_versions_kept)
        self.entries = EntryService(
            self.entry_repository, ReferenceRepository(database), self.types, directory
        )
        self.schedules = ScheduleRepository(database)
        self.bin = BinRepository(database)
        self.audit = AuditRepository(database)


class Hosts:
    """Which tenant a Host leads to."""

    def __init__(self, settings: ServeSettings, database: Database) -> None:
        self.repository = HostRepository(database)
        self.directory = HostDirectory(self.repository.tenants_of, time.monotonic)
        self.shared = SharedHosts(
            settings.shared_hosts, settings.hcms_name, settings.hcms_namespace
        )


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


def _microseconds() -> int:
    return time.monotonic_ns() // 1000
