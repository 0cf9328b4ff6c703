from uuid import UUID

from cms_service.auth.actor import Actor
from cms_service.auth.permissions import Permission
from cms_service.core.errors import Invalid, NotFound
from cms_service.entries.service import EntryService
from cms_service.entries.visibility import about
from cms_service.schedules.repository import ScheduleRepository
from cms_service.schedules.schemas import NewSchedule, Schedule


class ScheduleService:
    def __init__(self, repository: ScheduleRepository, entries: EntryService) -> None:
        self._repository = repository
        self._entries = entries

    async def get(self, actor: Actor, type_name: str, entry_id: UUID) -> Schedule:
        """Why something failed is told to who may publish: it may name what readers do not see."""
        entry = await self._entries.get_for(actor, Permission.READ_ENTRIES, type_name, entry_id)
        schedule = await self._repository.get(actor.tenant_id, entry_id)
        if actor.may(Permission.PUBLISH_ENTRIES, about(actor, type_name, entry)):
            return schedule
        actions = [action.model_copy(update={"failure": None}) for action in schedule.actions]
        return Schedule(actions=actions)

    async def put(
        self, actor: Actor, type_name: str, entry_id: UUID, wanted: NewSchedule
    ) -> Schedule:
        """The database's clock decides what is past."""
        await self._entries.get_for(actor, Permission.PUBLISH_ENTRIES, type_name, entry_id)
        schedule = await self._repository.put(actor.tenant_id, type_name, entry_id, wanted)
        if schedule is None:
            await self._entries.get_for(actor, Permission.PUBLISH_ENTRIES, type_name, entry_id)
            raise Invalid("The times must be in the future.")
        return schedule

    async def delete(self, actor: Actor, type_name: str, entry_id: UUID) -> None:
        await self._entries.get_for(actor, Permission.PUBLISH_ENTRIES, type_name, entry_id)
        if not await self._repository.delete(actor.tenant_id, type_name, entry_id):
            raise NotFound("There is no such entry.")
