"""The services that the management API's endpoints ask for, by their classes."""

import time

from cms_service.api_description.service import ApiDescription
from cms_service.api_keys.service import ApiKeyService
from cms_service.audit.repository import AuditRepository
from cms_service.auth.gate import Gate
from cms_service.auth.passwords import Passwords
from cms_service.auth.service import AuthService
from cms_service.auth.sessions import Sessions
from cms_service.auth.throttle import LoginThrottle
from cms_service.bulk.service import BulkService
from cms_service.content_types.service import ContentTypeService
from cms_service.core.postgres.database import Database
from cms_service.core.rate_limiting.rate_limits import RateLimits
from cms_service.core.settings.serve import ServeSettings
from cms_service.entries.search import EntrySearch
from cms_service.entries.service import EntryService
from cms_service.hosts.service import HostService
from cms_service.idempotency.service import Idempotency
from cms_service.limits.repository import LimitRepository
from cms_service.locales.repository import LocaleRepository
from cms_service.locales.service import LocaleService
from cms_service.management import api_document
from cms_service.parts import Access, Content, Hosts, Stores
from cms_service.recycle_bin.service import BinService
from cms_service.roles.repository import RoleRepository
from cms_service.roles.service import RoleService
from cms_service.schedules.service import ScheduleService
from cms_service.tenants.access import AccessChanges
from cms_service.tenants.directory import TenantDirectory
from cms_service.tenants.repository import TenantRepository
from cms_service.tenants.service import TenantService
from cms_service.users.service import UserService
from cms_service.versions.repository import VersionRepository
from cms_service.versions.service import VersionService


def access_services(
    settings: ServeSettings,
    stores: Stores,
    access: Access,
    passwords: Passwords,
    audit: AuditRepository,
) -> dict[type, object]:
    changes = AccessChanges(stores.database, access.directory)
    roles = RoleService(RoleRepository(stores.database), changes)
    sessions = Sessions(stores.redis, settings.refresh_token_seconds, settings.session_seconds)
    return {
        Gate: access.gate,
        RateLimits: access.limits.management,
        AuthService: AuthService(
            access.directory,
            access.users,
            passwords,
            sessions,
            access.tokens,
            throttle=LoginThrottle(access.buckets, stores.redis),
            audit=audit,
        ),
        UserService: UserService(access.users, roles, passwords, changes),
        RoleService: roles,
        ApiKeyService: ApiKeyService(access.api_keys, roles, changes, time.time),
        AuditRepository: audit,
    }


def tenant_services(
    settings: ServeSettings, database: Database, directory: TenantDirectory, hosts: Hosts
) -> dict[type, object]:
    return {
        TenantDirectory: directory,
        TenantService: TenantService(TenantRepository(database), directory),
        LimitRepository: LimitRepository(database),
        LocaleService: LocaleService(LocaleRepository(database), directory, time.monotonic),
        HostService: HostService(
            hosts.repository, hosts.directory, hosts.shared, settings.hcms_route_host
        ),
    }


def content_services(
    database: Database, directory: TenantDirectory, content: Content
) -> dict[type, object]:
    entries, types = content.entries, content.types
    return {
        ApiDescription: ApiDescription(api_document, content.type_repository),
        Idempotency: Idempotency(database),
        ContentTypeService: types,
        EntryService: entries,
        EntrySearch: EntrySearch(content.entry_repository, types),
        VersionService: VersionService(VersionRepository(database), entries, types),
        BinService: BinService(content.bin, entries, types),
        ScheduleService: ScheduleService(content.schedules, entries),
        BulkService: BulkService(entries, content.entry_repository, types, directory),
    }
