"""A further migration, which PostgreSQL refuses; it leaves the schema as it was."""

import contextlib
from unittest import mock

from cms_service.migrations import job
from cms_service.migrations.files import Migration, all_migrations, latest_version


def refused() -> contextlib.AbstractContextManager[object]:
    return mock.patch.object(job, "all_migrations", _with_a_bad_one)


def _with_a_bad_one() -> tuple[Migration, ...]:
    *_, last = all_migrations()
    version = latest_version() + 1
    bad = Migration(
        version,
        f"{version:04}_misbehave.sql",
        last.oldest_readable,
        "ALTER TABLE cms.no_such_table ADD COLUMN slug text",
    )
    return (*all_migrations(), bad)
