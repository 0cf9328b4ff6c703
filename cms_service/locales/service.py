from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import islice
from uuid import UUID

from pydantic import TypeAdapter

from cms_service.auth.actor import Actor
from cms_service.content_types.fields import BaseField, Fields, patterns
from cms_service.content_types.fields.walk import localised_paths
from cms_service.core.database import Scope
from cms_service.core.errors import Conflict, FieldError, NotFound
from cms_service.core.redone import redone
from cms_service.locales.repository import LocaleRepository
from cms_service.locales.schemas import Locales
from cms_service.tenants.directory import TenantDirectory

_MAX_NAMED = 20
_FIELDS: TypeAdapter[tuple[BaseField, ...]] = TypeAdapter(Fields)


@dataclass(frozen=True)
class _Localised:
    """A type, and where its localised fields are, as SQL/JSON paths."""

    id: str
    name: str
    paths: Sequence[str]


class LocaleService:
    def __init__(self, repository: LocaleRepository, directory: TenantDirectory) -> None:
        self._repository = repository
        self._directory = directory

    async def get(self, tenant_id: UUID) -> Locales:
        locales = await self._repository.get(tenant_id)
        if locales is None:
            raise NotFound("There is no such tenant.")
        return locales

    async def replace(
        self, actor: Actor, new: Locales, *, break_fallbacks: bool
    ) -> tuple[Locales, int]:
        """A locale in which something is written cannot be taken away, and another becomes the
        default only with `break_fallbacks` where something is shown in it by falling back. Also the
        tenant's new generation.
        """
        # This goes through the types in their order, who changes one begins with that.
        generation = await redone(
            lambda: self._replace(actor, new, break_fallbacks=break_fallbacks)
        )
        self._directory.note_write(actor.tenant_name, generation)
        return new, generation

    async def _replace(self, actor: Actor, new: Locales, *, break_fallbacks: bool) -> int:
        async with self._repository.database.transaction(actor.tenant_id) as scope:
            await self._repository.lock_types(scope)
            old = await self._repository.current(scope)
            generation = await self._repository.update(scope, new)
            # Once more: whoever makes a type writes the tenant's row too, and was waited for.
            types = await self._localised(scope)
            if removed := old.codes - new.codes:
                await self._check_unused(scope, types, removed)
            if new.default != old.default and not break_fallbacks:
                await self._check_shown(scope, types, old, new.default)
            await self._repository.touch_types(scope, [each.id for each in types])
        return generation

    async def _localised(self, scope: Scope) -> list[_Localised]:
        """Types with localised fields."""
        await self._repository.lock_types(scope)
        found: list[_Localised] = []
        after, has_more = None, True
        while has_more:
            types = await self._repository.types(scope, after)
            has_more = types.is_cut
            for row in types.rows:
                after = row["id"]
                with patterns.known():
                    paths = _sql_paths(_FIELDS.validate_python(row["fields"]))
                if paths:
                    found.append(_Localised(row["id"], row["name"], paths))
        return found

    async def _check_unused(
        self,
        scope: Scope,
        types: Sequence[_Localised],
        removed: Collection[str],
    ) -> None:
        for each in types:
            in_locales = [f'{path}."{code}"' for path in each.paths for code in removed]
            count = await self._repository.entries_with(scope, each.id, in_locales)
            if count:
                raise Conflict(
                    f"{count} entries of the type {each.name} have values in"
                    f" {' or '.join(sorted(removed))}: remove these first."
                )

    async def _check_shown(
        self,
        scope: Scope,
        types: Sequence[_Localised],
        old: Locales,
        default: str,
    ) -> None:
        """Refuses a default locale in which something would not be shown: all others fall back to
        it, and it falls back to none.
        """
        former = old.chain(default)[1:] if default in old.codes else (old.default,)
        written = " || ".join(f'exists (@."{code}")' for code in former)
        condition = f'? (({written}) && !(exists (@."{default}")))'
        lost = {}
        for each in types:
            at = [f"{path} {condition}" for path in each.paths]
            if count := await self._repository.entries_with(scope, each.id, at):
                lost[each.name] = count
        if lost:
            raise Conflict(
                f"Fields without a value in {default} would be empty: what they have in"
                f" {' or '.join(former)} is shown in its place so far. Fill them in, and publish"
                " what is published, or repeat this with breakFallbacks=true.",
                tuple(
                    FieldError("/default", f"{count} entries of the type {name} have such fields")
                    for name, count in islice(lost.items(), _MAX_NAMED)
                ),
            )


def _sql_paths(fields: Sequence[BaseField]) -> list[str]:
    """Paths in the lax mode of SQL/JSON, which goes through lists by itself."""
    return ["$" + "".join(f'."{name}"' for name in path) for path in localised_paths(fields)]
