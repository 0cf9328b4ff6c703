"""The role of the pods: it may use the rows of a tenant, and nothing else."""

import base64
import hashlib
import hmac
from typing import Any

import asyncpg

from cms_service.core.credentials.sources import Credentials
from cms_service.core.postgres import session_settings
from cms_service.migrations.errors import MigrationError

_SCRAM_ITERATIONS = 4096  # PostgreSQL's own

_EXISTS = "SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)"
_IS_POWERFUL = """
SELECT pg_has_role($1, current_user, 'MEMBER') OR EXISTS (
    SELECT FROM pg_roles r
    WHERE (r.rolsuper OR r.rolbypassrls) AND pg_has_role($1, r.oid, 'MEMBER'))
"""
_ATTRIBUTES = "LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE NOREPLICATION"
_WHOLE_SCHEMA = """
GRANT USAGE ON SCHEMA cms TO {role};
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA cms TO {role};
"""
_TABLES = {
    "SELECT": ("schema_migrations", "limit_defaults", "tenant_limits", "tenant_usage"),
    "SELECT, UPDATE": ("tenants",),
    "SELECT, INSERT": ("audit_log",),
    "SELECT, INSERT, UPDATE, DELETE": (
        *("users", "roles", "api_keys", "content_types", "entries", "published_entries"),
        *("idempotency_keys", "tenant_hosts", "entry_versions", "binned_entries"),
        *("entry_schedules", "entry_words", "published_words", "unique_values"),
        *("published_unique_values", "entry_references", "published_references"),
        "published_terms",
    ),
}
_THERE = "SELECT relname::text FROM pg_class WHERE relnamespace = 'cms'::regnamespace"


def scram_verifier(password: str, salt: bytes) -> str:
    """What PostgreSQL keeps (RFC 5803), made here so that no statement, and no log of one, holds
    the password. Raises ValueError: outside ASCII the text would have to be normalised first.
    """
    if not password.isascii() or not password.isprintable():
        raise ValueError("a password must be printable ASCII")
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, _SCRAM_ITERATIONS)
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    stored_key = hashlib.sha256(client_key).digest()
    server_key = hmac.digest(salted, b"Server Key", "sha256")
    salt_text, stored, server = (
        base64.b64encode(part).decode() for part in (salt, stored_key, server_key)
    )
    return f"SCRAM-SHA-256${_SCRAM_ITERATIONS}:{salt_text}${stored}:{server}"


async def ensure_role(connection: Any, credentials: Credentials, salt: bytes) -> None:
    """Makes the role, or gives it this password. Raises MigrationError."""
    try:
        verifier = scram_verifier(credentials.password, salt)
    except ValueError as error:
        raise MigrationError(f"The service role cannot be made: {error}.") from None
    verb, attributes = "CREATE", _ATTRIBUTES
    if await connection.fetchval(_EXISTS, credentials.username):
        await _check_powerless(connection, credentials.username)
        verb, attributes = "ALTER", "LOGIN"
    role = await _quoted(connection, credentials.username)
    try:
        await connection.execute(f"{verb} ROLE {role} {attributes} PASSWORD '{verifier}'")
        for name, value in session_settings.of_role().items():
            await connection.execute(f"ALTER ROLE {role} SET {name} = '{value}'")
    except asyncpg.InsufficientPrivilegeError:
        raise MigrationError(
            f"The migration role may not {verb.lower()} the role {credentials.username}: give it"
            " CREATEROLE, or make the role by hand and name it in the key database-url beside"
            " migration-database-url."
        ) from None


async def grant(connection: Any, username: str) -> None:
    """Raises MigrationError."""
    if not await connection.fetchval(_EXISTS, username):
        raise MigrationError(f"The role {username} of the service does not exist.")
    await _check_powerless(connection, username)
    await _grant(connection, username)


async def grant_early(connection: Any, username: str) -> None:
    """Where the role is there, pods of the release before are writing: what a script has them write
    by its triggers has to be theirs with that script.
    """
    if await connection.fetchval(_EXISTS, username):
        await _grant(connection, username)


async def _grant(connection: Any, username: str) -> None:
    role = await _quoted(connection, username)
    await connection.execute(_WHOLE_SCHEMA.format(role=role))
    there = {row[0] for row in await connection.fetch(_THERE)}
    for rights, tables in _TABLES.items():
        if found := ", ".join(f"cms.{table}" for table in tables if table in there):
            await connection.execute(f"GRANT {rights} ON {found} TO {role}")


async def _check_powerless(connection: Any, username: str) -> None:
    """The same question that a pod asks when it starts; here it can be answered before one does."""
    if await connection.fetchval(_IS_POWERFUL, username):
        raise MigrationError(
            f"The role {username} of the service owns the tables or may bypass row-level security:"
            " the service needs a role of its own."
        )


async def _quoted(connection: Any, name: str) -> str:
    quoted: str = await connection.fetchval("SELECT quote_ident($1)", name)
    return quoted
