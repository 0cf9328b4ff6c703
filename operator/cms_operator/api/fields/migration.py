"""The Jobs that bring the database's schema up to date."""

from typing import Annotated

from pydantic import Field

from cms_operator.api.model import Model


class Migration(Model):
    enabled: bool = True
    """false leaves migrations, roles and tenants to you (default true); the URL of the database
    must then be that of a role without ownership of the tables."""

    timeout_seconds: Annotated[int, Field(ge=10, le=86_400)] = 600
    """Seconds after which a migration has failed (default 600)."""

    lock_timeout_seconds: Annotated[int, Field(ge=1, le=3600)] = 5
    """The longest that a migration waits for a lock on a table, in seconds, with requests queueing
    behind it; it begins with 0.1, lets them through and tries again (default 5)."""
