"""Children that were heard of before their HeadlessCMS, and so without their content."""

from cms_operator.api.conditions import Reason
from cms_operator.api.problem import Problem
from cms_operator.cluster.cache.store import MOST_BYTES_OF_ONE, Store
from cms_operator.cluster.keys import Key, Ref
from cms_operator.cluster.kinds import BY_NAME
from cms_operator.cluster.writing.apply import Applier, StaleReadError


async def read_early(key: Key, applier: Applier, store: Store) -> Problem | None:
    """Read their content; the problem tells that there is no room for all of it.

    Raises StaleReadError, ApiError.
    """
    to_read, left_out = store.children_without_content(key)
    if to_read:
        for ref in to_read:
            await _read(ref, applier, store)
        to_read, left_out = store.children_without_content(key)
    if to_read:
        raise StaleReadError(f"{to_read[0].kind} {to_read[0].name}")
    return _too_large(left_out) if left_out else None


async def _read(ref: Ref, applier: Applier, store: Store) -> None:
    kind = BY_NAME[ref.kind]
    if found := await applier.read(kind, ref.namespace, ref.name):
        store.put(kind, found)
    elif known := store.get(kind, ref.namespace, ref.name):
        store.discard(kind, known)


def _too_large(left_out: list[Ref]) -> Problem:
    first, reason = left_out[0], Reason.CHILDREN_TOO_LARGE
    more = f" and {len(left_out) - 1} others" if left_out[1:] else ""
    why = f"there is no room for {first.kind} {first.name}{more} beside what there is"
    most = f"{MOST_BYTES_OF_ONE >> 20} MiB of children are kept of one HeadlessCMS"
    return Problem(reason, f"No more than {most}, and {why}. {reason.advice}")
