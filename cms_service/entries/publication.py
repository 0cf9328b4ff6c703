"""Changes of what delivery shows of an entry."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from cms_service.entries.schemas import Entry

# What the audit log says besides, of a publication that nobody asked for at that moment.
Occasion = Mapping[str, object]
BY_HAND: Occasion = MappingProxyType({})


class Publication(NamedTuple):
    """The entry as it is now, and the tenant's new generation."""

    entry: Entry
    generation: int


class Withdrawal(NamedTuple):
    """The entry as it is now, and the tenant's new generation: None where nothing was published."""

    entry: Entry
    generation: int | None
