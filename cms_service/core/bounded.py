"""Rows with content, no more of them than memory is meant for: a page or a batch may be shorter
than what was asked for.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from cms_service.core.statements import Statement

# Of JSON in PostgreSQL's memory; as objects of Python it may take ten times as much.
MAX_BYTES = 2_000_000
_TENANT_ROWS = "SELECT cms.tenant_rows($1, $2, $3::jsonb, $4)"


@dataclass(frozen=True)
class BoundedStatement(Statement):
    """Its rows are to be given to `take_more` first."""

    def call(self, tenant_id: UUID, args: str) -> tuple[str, Sequence[object]]:
        return _TENANT_ROWS, (tenant_id, self.sql, args, MAX_BYTES)


def take_more(rows: list[Any]) -> bool:
    """Whether there are more than these. Takes out what says so."""
    if rows and rows[-1] is True:
        rows.pop()
        return True
    return False
