"""Who waits for a place at work, by tenant: no tenant's crowd keeps another one waiting."""

from collections import OrderedDict, deque
from collections.abc import Hashable
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Turns(Generic[Item]):
    """Tenants take turns, each with what it has had here for longest."""

    def __init__(self, places: int) -> None:
        self._places = places
        self._by_tenant: OrderedDict[Hashable, deque[Item]] = OrderedDict()

    def __len__(self) -> int:
        return sum(map(len, self._by_tenant.values()))

    def add(self, tenant: Hashable, item: Item) -> Item | None:
        """The item that has no place, if there are too many: this one, or the newest of a tenant
        that has more than this one.
        """
        given_up = None
        if len(self) >= self._places:
            fullest = max(self._by_tenant, key=lambda found: len(self._by_tenant[found]))
            own = len(self._by_tenant.get(tenant, ()))
            if len(self._by_tenant[fullest]) <= own + 1:
                return item
            given_up = self._by_tenant[fullest].pop()
        self._by_tenant.setdefault(tenant, deque()).append(item)
        return given_up

    def next(self) -> Item | None:
        """None where nobody waits."""
        if not self._by_tenant:
            return None
        tenant, items = self._by_tenant.popitem(last=False)
        item = items.popleft()
        if items:
            self._by_tenant[tenant] = items
        return item

    def remove(self, tenant: Hashable, item: Item) -> None:
        items = self._by_tenant.get(tenant, deque())
        if item in items:
            items.remove(item)
        if not items:
            self._by_tenant.pop(tenant, None)
