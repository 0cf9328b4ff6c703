"""The SQL of a single entry's JSON, in which the entries that it refers to are looked up one by
one: of a few that is the least work. Pure.
"""

# ruff: noqa: S608 - constants of this module; field names and values go as parameters

from collections.abc import Sequence

from cms_service.delivery.query.expansions import Expansion
from cms_service.delivery.query.plan import Shape
from cms_service.delivery.sql.items import (
    included_item,
    localised,
    reference,
    shaped_item,
    where_it_applies,
)
from cms_service.delivery.sql.parameters import Parameters


def inlined(alias: str, shape: Shape, parameters: Parameters) -> str:
    return shaped_item(
        alias,
        shape,
        parameters,
        lambda fields: _expanded(alias, fields, shape.expansions, shape, parameters),
    )


def _expanded(
    alias: str,
    fields: str,
    expansions: Sequence[Expansion],
    shape: Shape,
    parameters: Parameters,
) -> str:
    for expansion in expansions:
        entries = _referred(alias, expansion, shape, parameters)
        member = f"jsonb_build_object({parameters.add(expansion.field, 'text')}, {entries})"
        member = where_it_applies(alias, expansion, member, "'{}'", parameters)
        fields = f"{fields} || {member}"
    return f"({fields})" if expansions else fields


def _referred(alias: str, expansion: Expansion, shape: Shape, parameters: Parameters) -> str:
    inner = alias + "e"
    fields = localised(inner, shape, parameters)
    fields = _expanded(inner, fields, expansion.inner, shape, parameters)
    item = included_item(inner, shape, fields, parameters, "jsonb")
    stored = reference(alias, expansion, parameters)
    if not expansion.many:
        return f"""(SELECT {item} FROM cms.published_entries {inner}
            WHERE {inner}.tenant_id = t.id
              AND {inner}.entry_id = (SELECT ({stored} #>> '{{}}')::uuid))"""
    return f"""(SELECT coalesce(jsonb_agg({item} ORDER BY {inner}r.position), '[]')
            FROM jsonb_array_elements_text({stored}) WITH ORDINALITY {inner}r(id, position)
            CROSS JOIN LATERAL (
                SELECT e.* FROM cms.published_entries e
                WHERE e.tenant_id = t.id AND e.entry_id = (SELECT {inner}r.id::uuid) OFFSET 0
            ) {inner})"""
