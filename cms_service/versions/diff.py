"""What differs between two JSON values. Pure."""

from collections.abc import Iterator
from typing import Any

from cms_service.versions.schemas import Change, ChangeKind


def changes(before: Any, after: Any, pointer: str = "") -> Iterator[Change]:
    """What differs, in the order of the pointers. Lists are compared place by place."""
    if isinstance(before, dict) and isinstance(after, dict):
        yield from _members(before, after, pointer)
    elif isinstance(before, list) and isinstance(after, list):
        yield from _items(before, after, pointer)
    elif not _same(before, after):
        yield Change(pointer=pointer, kind=ChangeKind.CHANGED, before=before, after=after)


def _members(before: dict[str, Any], after: dict[str, Any], pointer: str) -> Iterator[Change]:
    for name in sorted(before.keys() | after.keys()):
        place = f"{pointer}/{name.replace('~', '~0').replace('/', '~1')}"
        if name not in after:
            yield Change(pointer=place, kind=ChangeKind.REMOVED, before=before[name])
        elif name not in before:
            yield Change(pointer=place, kind=ChangeKind.ADDED, after=after[name])
        else:
            yield from changes(before[name], after[name], place)


def _items(before: list[Any], after: list[Any], pointer: str) -> Iterator[Change]:
    for place in range(max(len(before), len(after))):
        where = f"{pointer}/{place}"
        if place >= len(after):
            yield Change(pointer=where, kind=ChangeKind.REMOVED, before=before[place])
        elif place >= len(before):
            yield Change(pointer=where, kind=ChangeKind.ADDED, after=after[place])
        else:
            yield from changes(before[place], after[place], where)


def _same(before: object, after: object) -> bool:
    """Python takes true for 1, which JSON does not."""
    return before == after and isinstance(before, bool) == isinstance(after, bool)
