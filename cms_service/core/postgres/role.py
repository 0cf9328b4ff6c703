"""Which database roles may serve: row-level security binds neither superusers nor BYPASSRLS, and an
owner may switch it off. Membership counts: SET ROLE makes a member the other role.
"""

from cms_service.core.postgres.pool import Connection

_ROLE = """
SELECT
    EXISTS (SELECT FROM pg_roles r
            WHERE (r.rolsuper OR r.rolbypassrls) AND pg_has_role(current_user, r.oid, 'MEMBER')),
    EXISTS (SELECT FROM pg_class c
            WHERE c.relnamespace = to_regnamespace('cms')
              AND pg_has_role(current_user, c.relowner, 'MEMBER')),
    CASE WHEN has_schema_privilege(to_regnamespace('cms'), 'USAGE')
         THEN to_regclass('cms.schema_migrations') IS NOT NULL ELSE false END
"""

_ADVICE = "connect as the service role that the migrations make"


async def objection_to(connection: Connection) -> str | None:
    """Why nobody may be served by a connection of this role, if so."""
    may_bypass, owns, has_schema = await connection.fetchrow(_ROLE)
    if may_bypass:
        return f"the database role is a superuser or may bypass row-level security: {_ADVICE}"
    if owns:
        return f"the database role owns the tables or is a member of their owner: {_ADVICE}"
    if not has_schema:
        return "the database has no schema yet, or the role may not use it: run the migrations"
    return None
