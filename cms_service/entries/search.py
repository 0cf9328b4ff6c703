"""Search in drafts, which tells nobody of what they may not read."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

from cms_service.auth.actor import Actor
from cms_service.auth.permissions import Permission, Rule
from cms_service.content_types.schemas import ContentType
from cms_service.content_types.service import ContentTypeService
from cms_service.core.errors import NotFound
from cms_service.core.paging.cursor import Cursor
from cms_service.entries.repository import EntryRepository, SearchedTypes
from cms_service.entries.schemas import Found
from cms_service.entries.visibility import reads_all, shown

# Looked at together, where it has to be found out which of them are searched.
_TYPES_AT_ONCE = 50
_EVERY_ENTRY = (Rule(frozenset({Permission.READ_ENTRIES})),)


class EntrySearch:
    def __init__(self, repository: EntryRepository, content_types: ContentTypeService) -> None:
        self._repository = repository
        self._content_types = content_types

    async def search(
        self, actor: Actor, text: str, type_name: str | None, limit: int
    ) -> list[Found]:
        """Searches the types of which the actor may read everything: where words of a hidden field
        are looked for, being found tells of them.
        """
        if type_name is None and actor.has(_EVERY_ENTRY):
            return await self._repository.search(actor.tenant_id, text, SearchedTypes(None), limit)
        searched = await self._searched(actor, type_name)
        found = await self._repository.search(actor.tenant_id, text, searched, limit)
        for name in {each.entry.type for each in found}:
            content_type = await self._content_types.get(actor.tenant_id, name)
            found = [_shown_if(actor, content_type, each) for each in found]
        return found

    async def _searched(self, actor: Actor, type_name: str | None) -> SearchedTypes:
        all_of, own_of = [], []
        async for each in self._types(actor, type_name):
            if reads_all(actor, each, own=False):
                all_of.append(each.id)
            # A key owns nothing.
            if actor.user_id is not None and reads_all(actor, each, own=True):
                own_of.append(each.id)
        return SearchedTypes(all_of, own_of, actor.user_id)

    async def _types(self, actor: Actor, name: str | None) -> AsyncIterator[ContentType]:
        """No more of them at once than memory is meant for, and other requests go on in between."""
        if name is not None:
            with suppress(NotFound):
                yield await self._content_types.get(actor.tenant_id, name)
            return
        after, has_more = None, True
        while has_more:
            types = await self._content_types.page(actor.tenant_id, _TYPES_AT_ONCE, after)
            for each in types.rows:
                yield each
                after = Cursor(each.created_at, each.id)
                await asyncio.sleep(0)
            has_more = types.is_cut or len(types.rows) == _TYPES_AT_ONCE


def _shown_if(actor: Actor, content_type: ContentType, found: Found) -> Found:
    """What is found, as it is where its entry is of another type."""
    if found.entry.type != content_type.name:
        return found
    return found.model_copy(update={"entry": shown(actor, content_type, found.entry)})
