"""The HeadlessCMS that a database belongs to.

Namespace and name are its identity: made again under the same name it is the same one. Without a
Kubernetes object there is no owner, and none is checked.
"""

from cms_service.migrations.errors import Refusal, RefusedError
from cms_service.migrations.record import Record


def check(record: Record, wanted: str, take_over_from: str) -> None:
    """Raises RefusedError."""
    if not wanted or record.owner in ("", wanted, take_over_from):
        return
    raise RefusedError(
        Refusal.DATABASE_OWNED,
        f"The database belongs to the HeadlessCMS {record.owner}, and {wanted} asks for it. Give"
        " this one a database of its own, or hand it over with the annotation"
        f" headlesscms.io/take-over-database={record.owner}.",
    )
