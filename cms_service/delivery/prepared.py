"""The statements of the forms in which a tenant's content is asked for. Many questions are of one
form: each is made once for each generation of the tenant's types.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar
from uuid import UUID

from cms_service.core.caching.lru import keep
from cms_service.delivery.definitions import Definitions
from cms_service.delivery.query import cursors
from cms_service.delivery.query.grammar import Form, Query
from cms_service.delivery.query.plan import ListPlan, entry_shape, list_plan
from cms_service.delivery.sql.parameters import Sql
from cms_service.delivery.sql.statements import (
    EntryStatement,
    ListStatement,
    list_statement,
    plain_entry,
    shaped_entry,
)
from cms_service.tenants.schemas import TenantState

_MAX_KEPT = 5_000  # some kilobyte each: tenants share the texts

_Key = tuple[UUID, int, str, Form]
_Kept = TypeVar("_Kept", EntryStatement, ListStatement)


@dataclass(frozen=True, slots=True)
class Page:
    """What is asked of the database, and the plan that it comes of."""

    plan: ListPlan
    sql: Sql


class Prepared:
    def __init__(self, definitions: Definitions) -> None:
        self._definitions = definitions
        self._entries: OrderedDict[_Key, EntryStatement] = OrderedDict()
        self._lists: OrderedDict[_Key, ListStatement] = OrderedDict()

    async def entry(
        self, tenant: TenantState, type_name: str, query: Query
    ) -> EntryStatement | None:
        """None where there is no such type. Raises BadRequest."""
        if not query.asks_for_something:
            return plain_entry(type_name)
        types = await self._definitions.needed(tenant, type_name, query)
        if (content_type := types.get(type_name)) is None:
            return None

        def make() -> EntryStatement:
            return shaped_entry(entry_shape(query, content_type, types), content_type.id)

        return _kept(self._entries, _key(tenant, type_name, query), make)

    async def page(self, tenant: TenantState, type_name: str, query: Query) -> Page | None:
        """None where there is no such type. Raises BadRequest."""
        types = await self._definitions.needed(tenant, type_name, query)
        if (content_type := types.get(type_name)) is None:
            return None
        plan = list_plan(query, content_type)
        after = cursors.decode(query, plan.type_id, plan.keys)

        def make() -> ListStatement:
            shape = entry_shape(query, content_type, types, plan.limit)
            return list_statement(plan, shape, goes_on=after is not None)

        statement = _kept(self._lists, _key(tenant, type_name, query), make)
        return Page(plan, statement.of(plan, after))


def _key(tenant: TenantState, type_name: str, query: Query) -> _Key:
    return tenant.id, tenant.types_generation, type_name, query.form


def _kept(statements: OrderedDict[_Key, _Kept], key: _Key, make: Callable[[], _Kept]) -> _Kept:
    statement = statements.get(key) or make()
    keep(statements, key, statement, _MAX_KEPT)
    return statement
