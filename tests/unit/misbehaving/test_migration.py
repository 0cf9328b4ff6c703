"""The image whose migration PostgreSQL refuses."""

from cms_service.migrations import job
from cms_service.migrations.files import all_migrations, latest_version
from demo.misbehaving.faults.catalogue import FAULTS
from demo.misbehaving.faults.names import Fault


def test_one_migration_more_names_a_table_that_nobody_has() -> None:
    before = all_migrations()
    with FAULTS[Fault.BAD_MIGRATION]():
        *usual, bad = vars(job)["all_migrations"]()
    assert tuple(usual) == before
    assert bad.version == latest_version() + 1
    assert "cms.no_such_table" in bad.sql
    assert not any("no_such_table" in migration.sql for migration in usual)


def test_the_service_does_not_wait_for_it() -> None:
    version = latest_version()
    with FAULTS[Fault.BAD_MIGRATION]():
        assert latest_version() == version
