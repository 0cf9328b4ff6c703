"""Looks at the entries of a type for what a change would do to them, and does it."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from cms_service.content_types.changes import compare
from cms_service.content_types.fields import BaseField, Completeness
from cms_service.content_types.moving import Moved, Mover
from cms_service.content_types.plans import Others, Plan, Tally, plan_of
from cms_service.content_types.schemas import ContentType, Definition
from cms_service.core.errors import Conflict
from cms_service.core.postgres.transaction import Transaction
from cms_service.entries import rewriting
from cms_service.entries.rewriting import Batch, MovedRow, Row, Touched

# Who writes entries of the type waits so long at most, holding a connection.
MAX_SECONDS = 8.0
# No other request of the pod is served for so long, and for as long as one entry takes.
_TURN_SECONDS = 0.005


@dataclass
class Pace:
    """`deadline` and `turn_ends` are times of the clock, in seconds."""

    clock: Callable[[], float]
    deadline: float
    turn_ends: float = 0.0

    async def next(self) -> None:
        """Before each entry. Raises Conflict when the time is over."""
        if self.clock() >= self.deadline:
            raise Conflict(
                f"The change needs a look at more entries than {MAX_SECONDS:.0f} seconds allow:"
                " nothing is changed. Add an optional field, fill it in entry by entry, and remove"
                " the old one when it is empty."
            )
        if self.clock() >= self.turn_ends:
            await asyncio.sleep(0)
            self.turn_ends = self.clock() + _TURN_SECONDS


async def run(  # noqa: PLR0913 - as many as the work has sides
    transaction: Transaction,
    old: ContentType,
    definition: Definition,
    others: Others,
    clock: Callable[[], float],
    *,
    write: bool,
) -> Plan:
    """Finds out what the change does to the entries. With `write` it rewrites them on the way: a
    caller that does not like the plan rolls back.
    """
    changes = compare(old.fields, definition.fields)
    looked_at = [change for change in changes if change.needs_a_look]
    tally = Tally(entries=await rewriting.count(transaction, old.id))
    if looked_at and tally.entries:
        touched = Touched(
            type_id=old.id,
            old=[change.old for change in looked_at if change.old],
            new=[change.new for change in looked_at if change.new],
            every_entry=any(_is_newly_required(change.old, change.new) for change in looked_at),
        )
        pace = Pace(clock, clock() + MAX_SECONDS)
        await _move_all(transaction, old, touched, tally, pace, write=write)
    return plan_of(old, definition, changes, tally, others)


async def _move_all(  # noqa: PLR0913 - as many as the work has sides
    transaction: Transaction,
    old: ContentType,
    touched: Touched,
    tally: Tally,
    pace: Pace,
    *,
    write: bool,
) -> None:
    mover = Mover(touched.old, touched.new, old.locales)
    if write:
        await rewriting.begin(transaction, touched)
    batch = Batch()
    while batch.more:
        batch = await rewriting.read(transaction, touched, batch, lock=write)
        types = await rewriting.target_types(transaction, touched, batch.rows)
        moved = []
        for row in batch.rows:
            await pace.next()
            moved.append(_move(mover, row, types, tally))
        if write and moved:
            await rewriting.write(transaction, touched, moved)


def _move(mover: Mover, row: Row, types: dict[str, str], tally: Tally) -> MovedRow:
    draft = mover.move(row.fields, Completeness.DRAFT, types)
    public = (
        Moved({}, {})
        if row.published is None
        else mover.move(row.published, Completeness.PUBLISHED, types)
    )
    tally.add(row.id, draft.misfits, public.misfits)
    return MovedRow(row.id, draft.values, None if row.published is None else public.values)


def _is_newly_required(old: BaseField | None, new: BaseField | None) -> bool:
    return new is not None and new.required and not (old is not None and old.required)
