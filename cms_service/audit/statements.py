# ruff: noqa: S608 - the statements are put together from constants of the repositories
"""How a statement that changes something notes it in the audit log: by itself, so that there is no
change without a note and no note without a change.
"""


def noted(action: str, kind: str, changed: str, details: str = "'{}'::jsonb") -> str:
    """A member of the WITH list: one note for each row of `changed`, which has an `id`. `details`
    is SQL for a JSON object, never with a secret value.
    """
    return f"""noted AS (
        INSERT INTO cms.audit_log (tenant_id, actor_id, actor_kind, action, object_kind,
                                   object_id, details)
        SELECT ($1->>'tenant')::uuid, ($1->>'actor')::uuid, $1->>'actorKind', {action}, '{kind}',
               id, {details}
        FROM {changed})"""
