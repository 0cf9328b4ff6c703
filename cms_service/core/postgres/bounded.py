"""Rows with content, no more of them than memory is meant for: a page or a batch may be shorter
than what was asked for.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, TypeVar
from uuid import UUID

from cms_service.core.postgres.statements import Statement

Row = TypeVar("Row")
Other = TypeVar("Other")

# JSON in PostgreSQL's memory; Python's objects of it may take ten times as much.
MAX_BYTES = 2_000_000
_TENANT_ROWS = "SELECT cms.tenant_rows($1, $2, $3::jsonb, $4)"


@dataclass(frozen=True)
class BoundedStatement(Statement):
    """Its rows are to be given to `bounded` first."""

    def call(self, tenant_id: UUID, args: str) -> tuple[str, Sequence[object]]:
        return _TENANT_ROWS, (tenant_id, self.sql, args, MAX_BYTES)


class Rows(NamedTuple, Generic[Row]):
    """`is_cut`: there are more than these, although fewer came than were asked for."""

    rows: list[Row]
    is_cut: bool

    def map(self, act: Callable[[Row], Other]) -> "Rows[Other]":
        return Rows([act(row) for row in self.rows], self.is_cut)


def bounded(rows: list[Any]) -> Rows[dict[str, Any]]:
    """`rows` as a BoundedStatement has them: where they are cut, the last one is `true`."""
    is_cut = bool(rows) and rows[-1] is True
    return Rows(rows[:-1] if is_cut else rows, is_cut)
