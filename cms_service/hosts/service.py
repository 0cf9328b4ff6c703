from uuid import UUID

from cms_service.auth.actor import Actor
from cms_service.core.errors import Conflict, NotFound
from cms_service.core.ids import new_id
from cms_service.core.paging.cursor import Cursor
from cms_service.hosts.directory import HostDirectory
from cms_service.hosts.repository import HostRepository
from cms_service.hosts.schemas import Host
from cms_service.hosts.shared import SharedHosts


class HostService:
    """`route_host`, if any, is as little anybody's as those that are shared; but it may have been
    one tenant's before, who keeps it.
    """

    def __init__(
        self,
        repository: HostRepository,
        directory: HostDirectory,
        shared: SharedHosts,
        route_host: str = "",
    ) -> None:
        self._repository = repository
        self._directory = directory
        self._shared = shared
        self._route_host = route_host

    async def create(self, actor: Actor, host: str) -> Host:
        """Raises Conflict for a name that is taken."""
        if host in self._shared or host == self._route_host:
            raise Conflict(f"All tenants are reached by the host name {host}.")
        created = await self._repository.insert(actor.tenant_id, new_id(), host)
        self._directory.forget(host)
        return created

    async def get(self, actor: Actor, host_id: UUID) -> Host:
        return _found(await self._repository.get(actor.tenant_id, host_id))

    async def page(self, actor: Actor, limit: int, after: Cursor | None) -> list[Host]:
        return await self._repository.page(actor.tenant_id, limit, after)

    async def delete(self, actor: Actor, host_id: UUID) -> None:
        deleted = _found(await self._repository.delete(actor.tenant_id, host_id))
        self._directory.forget(deleted.host)


def _found(host: Host | None) -> Host:
    if host is None:
        raise NotFound("There is no such host name.")
    return host
