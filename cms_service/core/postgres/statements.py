"""What the database is asked in a tenant: SQL, or one of its own functions."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

_TENANT_QUERY = "SELECT cms.tenant_query($1, $2, $3::jsonb)"


@dataclass(frozen=True)
class Statement:
    """SQL that takes its values from one JSON object, `$1`, and returns JSON objects.

    `$1` holds the tenant and who is at work besides the caller's values. The name is a metric
    label.
    """

    name: str
    sql: str

    def call(self, tenant_id: UUID, args: str) -> tuple[str, Sequence[object]]:
        """What PostgreSQL is asked, and with which values."""
        return _TENANT_QUERY, (tenant_id, self.sql, args)


@dataclass(frozen=True)
class Routine:
    """A function of the database in place of a statement, for its plans to be kept: for what is
    done all the time. It sets the tenant, and takes the same object.
    """

    name: str
    function: str

    def call(self, tenant_id: UUID, args: str) -> tuple[str, Sequence[object]]:
        return f"SELECT {self.function}($1, $2::jsonb)", (tenant_id, args)


Asked = Statement | Routine
