# ruff: noqa: S608 - tables are named by the tests themselves
"""Nobody crosses from one tenant to another, by the API or with the service's own role in SQL."""

import hashlib
import json
from uuid import UUID

import asyncpg
import pytest

from tests.service.test_api_keys import make_key
from tests.service.test_hosts import make_host
from tests.service.test_people import make_role
from tests.service.world import (
    OWNER_PASSWORD,
    OWNER_ROLE,
    SERVICE_PASSWORD,
    SERVICE_ROLE,
    Desk,
    Site,
    execute,
    expect,
    expect_problem,
)

CHANGEABLE = (
    "tenants",
    "users",
    "roles",
    "api_keys",
    "tenant_hosts",
    "content_types",
    "entries",
    "published_entries",
    "entry_versions",
    "binned_entries",
    "entry_schedules",
    "unique_values",
    "published_unique_values",
    "entry_references",
    "published_references",
    "published_terms",
)
TABLES = (*CHANGEABLE, "audit_log")
# Their owner reads them without a tenant, in functions that put it in.
SEARCHED = ("entry_words", "published_words")

NOTE = {
    "name": "note",
    "displayName": "Note",
    "fields": [
        {"name": "code", "kind": "text", "unique": True},
        {"name": "on", "kind": "reference", "types": ["article"]},
    ],
}


async def test_identifiers_of_another_tenant_are_nothing_here(acme: Desk, globex: Desk) -> None:
    for desk in (acme, globex):
        await desk.make_type()
    theirs = await globex.publish_new(title="Secret", slug="secret")
    url = f"{acme.entries}/{theirs['id']}"
    expect_problem(await acme.client.get(url), 404)
    expect_problem(await acme.client.put(url, json={"fields": {}}), 404)
    expect_problem(await acme.client.delete(url), 404)
    expect_problem(await acme.client.post(f"{url}/publish"), 404)
    expect_problem(await acme.client.post(f"{url}/unpublish"), 404)
    expect_problem(await acme.client.get(f"{acme.delivery}/{theirs['id']}"), 404)
    expect_problem(await acme.client.get(f"{acme.delivery}/secret"), 404)
    users = expect(await globex.client.get(f"{globex.root}/users"), 200)["items"]
    for method in ("GET", "DELETE"):
        answer = await acme.client.request(method, f"{acme.root}/users/{users[0]['id']}")
        expect_problem(answer, 404)
    expect(await globex.client.get(f"{globex.delivery}/secret"), 200)


async def connect(site: Site, role: str, password: str) -> "asyncpg.Connection[asyncpg.Record]":
    return await asyncpg.connect(site.postgres.url(site.database, f"{role}:{password}"))


async def tenant_id(site: Site, name: str) -> UUID:
    connection = await asyncpg.connect(site.postgres.superuser_url(site.database))
    try:
        found: UUID = await connection.fetchval("SELECT id FROM cms.tenants WHERE name = $1", name)
        return found
    finally:
        await connection.close()


async def fill(desk: Desk) -> None:
    """Rows in every table that requests fill."""
    await desk.make_type()
    article = await desk.publish_new(title="Hello", slug="hello")
    types = f"{desk.root}/content-types"
    expect(await desk.client.post(types, json=NOTE), 201)
    fields = {"code": "1", "on": article["id"]}
    note = await desk.client.post(f"{types}/note/entries", json={"fields": fields})
    url = f"{types}/note/entries/{expect(note, 201)['id']}/publish"
    expect(await desk.client.post(url), 200)
    await make_role(desk, {"permissions": ["tenant:read"]})
    await make_key(desk)
    await make_host(desk, f"{desk.tenant}.example")
    later = {"publishAt": "2999-01-01T00:00:00Z"}
    planned, deleted = await desk.draft(title="Later"), await desk.draft(title="Gone")
    expect(await desk.client.put(f"{desk.entries}/{planned['id']}/schedule", json=later), 200)
    expect(await desk.client.delete(f"{desk.entries}/{deleted['id']}"), 204)


@pytest.fixture
async def filled(site: Site, acme: Desk, globex: Desk) -> Site:
    """Rows of both tenants in every table."""
    for desk in (acme, globex):
        await fill(desk)
    return site


@pytest.mark.parametrize(
    ("role", "password"), [(SERVICE_ROLE, SERVICE_PASSWORD), (OWNER_ROLE, OWNER_PASSWORD)]
)
async def test_without_a_tenant_even_the_owner_of_the_tables_sees_no_row(
    filled: Site, role: str, password: str
) -> None:
    connection = await connect(filled, role, password)
    for table in TABLES:
        assert await connection.fetchval(f"SELECT count(*) FROM cms.{table}") == 0, table
    await connection.close()


@pytest.mark.parametrize("table", [*CHANGEABLE, *SEARCHED])
async def test_in_one_tenant_no_row_of_another_is_seen_changed_or_moved(
    filled: Site, table: str
) -> None:
    acme, globex = [await tenant_id(filled, name) for name in ("acme", "globex")]
    column = "id" if table == "tenants" else "tenant_id"
    connection = await connect(filled, SERVICE_ROLE, SERVICE_PASSWORD)
    await connection.execute("SELECT set_config('cms.tenant', $1, false)", str(acme))
    seen = await connection.fetch(f"SELECT DISTINCT {column} AS tenant FROM cms.{table}")
    assert [row["tenant"] for row in seen] == [acme]
    update = f"UPDATE cms.{table} SET {column} = $1 WHERE {column} = $2"
    assert await connection.execute(update, globex, globex) == "UPDATE 0"
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await connection.execute(update, globex, acme)
    if table == "tenants":
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute("DELETE FROM cms.tenants")
    else:
        delete = f"DELETE FROM cms.{table} WHERE tenant_id = $1"
        assert await connection.execute(delete, globex) == "DELETE 0"
    await connection.close()


async def test_a_row_cannot_be_written_into_another_tenant_or_refer_to_it(filled: Site) -> None:
    acme, globex = [await tenant_id(filled, name) for name in ("acme", "globex")]
    connection = await connect(filled, SERVICE_ROLE, SERVICE_PASSWORD)
    await connection.execute("SELECT set_config('cms.tenant', $1, false)", str(globex))
    their_type = await connection.fetchval("SELECT id FROM cms.content_types")
    await connection.execute("SELECT set_config('cms.tenant', $1, false)", str(acme))
    insert = """INSERT INTO cms.entries (tenant_id, id, content_type_id, fields)
                VALUES ($1, gen_random_uuid(), $2, '{}')"""
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await connection.execute(insert, globex, their_type)
    with pytest.raises(asyncpg.ForeignKeyViolationError):
        await connection.execute(insert, acme, their_type)
    await connection.close()


async def test_notes_of_the_audit_log_are_added_and_read_in_one_tenant_and_never_changed(
    filled: Site,
) -> None:
    acme, globex = [await tenant_id(filled, name) for name in ("acme", "globex")]
    connection = await connect(filled, SERVICE_ROLE, SERVICE_PASSWORD)
    await connection.execute("SELECT set_config('cms.tenant', $1, false)", str(acme))
    seen = await connection.fetch("SELECT DISTINCT tenant_id FROM cms.audit_log")
    assert [row["tenant_id"] for row in seen] == [acme]
    insert = """INSERT INTO cms.audit_log (tenant_id, action, object_kind, object_id)
                VALUES ($1, 'changed', 'user', gen_random_uuid())"""
    await connection.execute(insert, acme)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await connection.execute(insert, globex)
    for change in ("UPDATE cms.audit_log SET actor_id = NULL", "DELETE FROM cms.audit_log"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(change)
    await connection.close()


async def test_the_search_for_due_work_opens_nothing_else(filled: Site) -> None:
    """It crosses all tenants, hence it hands out no more than the names of what is due."""
    acme = await tenant_id(filled, "acme")
    connection = await connect(filled, SERVICE_ROLE, SERVICE_PASSWORD)
    await connection.execute("SELECT set_config('cms.due_work', 'on', false)")
    for table in (*TABLES, *SEARCHED):
        assert await connection.fetchval(f"SELECT count(*) FROM cms.{table}") == 0, table
    due = {
        "due_schedules(100)": ["tenant_id", "entry_id", "action"],
        "due_bin(0, 100)": ["tenant_id", "entry_id"],
        "due_schedules(100, '{}')": ["tenant_id", "entry_id", "action"],
        "due_bin(0, 100, '{}')": ["tenant_id", "entry_id"],
    }
    for function in due:
        assert await connection.fetch(f"SELECT * FROM cms.{function}") == [], function
    assert await connection.fetchval("SELECT cms.purge_audit_log(0, 1000)") == 0
    await execute(
        filled.postgres,
        filled.database,
        f"UPDATE cms.entry_schedules SET due_at = now() WHERE tenant_id = '{acme}'",
        f"UPDATE cms.binned_entries SET deleted_at = '2000-01-01' WHERE tenant_id = '{acme}'",
    )
    for function, columns in due.items():
        (row,) = await connection.fetch(f"SELECT * FROM cms.{function}")
        assert list(row.keys()) == columns
        assert row["tenant_id"] == acme
    assert await connection.fetchval("SELECT current_setting('cms.due_work')") in ("on", "")
    for table in TABLES:
        assert await connection.fetchval(f"SELECT count(*) FROM cms.{table}") == 0, table
    for function in (
        "search_entries('hello', NULL, NULL, NULL, 100)",
        "published_matches('hello', gen_random_uuid())",
    ):
        found = await connection.fetch(f"SELECT * FROM cms.{function}")
        assert found == [], "no tenant, no words"
    others = await connection.fetchval(
        """SELECT count(*) FROM pg_proc p
           WHERE p.pronamespace = 'cms'::regnamespace AND p.prosecdef
             AND p.prorettype <> 'trigger'::regtype
             AND has_function_privilege('pg_monitor', p.oid, 'EXECUTE')"""
    )
    assert others == 0, "only the service may ask"
    await connection.close()


async def test_the_tenant_of_a_statement_ends_with_it(filled: Site) -> None:
    """A connection carries nothing from one request to the next."""
    acme = await tenant_id(filled, "acme")
    connection = await connect(filled, SERVICE_ROLE, SERVICE_PASSWORD)
    statement = "SELECT to_jsonb(t.name) FROM cms.tenants t"
    query = "SELECT cms.tenant_query($1, $2, '{}')"
    assert await connection.fetchval(query, acme, statement) == '"acme"'
    assert await connection.fetchval("SELECT current_setting('cms.tenant', true)") in (None, "")
    assert await connection.fetchval("SELECT count(*) FROM cms.tenants") == 0
    await connection.close()


async def test_tenants_can_be_looked_up_by_name_but_not_listed(filled: Site) -> None:
    connection = await connect(filled, SERVICE_ROLE, SERVICE_PASSWORD)
    rows = await connection.fetch("SELECT name FROM cms.tenant_directory($1)", ["acme", "nobody"])
    assert [row["name"] for row in rows] == ["acme"]
    await connection.close()


async def test_who_asks_for_changes_learns_of_no_tenant(filled: Site) -> None:
    """They are told by hashes, which say something to those who know the id already."""
    ids = [await tenant_id(filled, name) for name in ("acme", "globex")]
    connection = await connect(filled, SERVICE_ROLE, SERVICE_PASSWORD)
    await connection.execute("SELECT set_config('cms.tenant_changes', 'on', false)")
    assert await connection.fetchval("SELECT count(*) FROM cms.tenants") == 0
    query = "SELECT changed FROM cms.tenant_changes('0', 100)"
    changed = json.loads(await connection.fetchval(query))
    assert set(changed) == {hashlib.sha256(each.bytes).hexdigest() for each in ids}
    assert await connection.fetchval("SELECT count(*) FROM cms.tenants") == 0
    await connection.close()


async def test_every_table_with_a_tenant_is_protected(filled: Site) -> None:
    """A new table that forgets it fails here."""
    connection = await asyncpg.connect(filled.postgres.superuser_url(filled.database))
    unprotected = await connection.fetch(
        """SELECT c.relname FROM pg_class c
           WHERE c.relnamespace = 'cms'::regnamespace AND c.relkind = 'r'
             AND c.relname NOT IN (
                 'schema_migrations', 'schema_state', 'limit_defaults', 'tenant_deletions',
                 'audit_log_purged')
             AND NOT (c.relrowsecurity AND c.relforcerowsecurity
                      AND EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid))"""
    )
    await connection.close()
    assert [row["relname"] for row in unprotected] == []
