"""The SQL of an entry's JSON. Pure."""

# ruff: noqa: S608 - constants of this module; field names and values go as parameters

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cms_service.delivery.query.expansions import Expansion
from cms_service.delivery.query.plan import Shape
from cms_service.delivery.sql.parameters import Parameters

_METADATA = {
    "slug": "'slug', {0}.slug",
    "version": "'version', {0}.version",
    "publishedAt": "'publishedAt', cms.iso_time({0}.published_at)",
}
METADATA = tuple(_METADATA)
# Fields are kept compressed: here once for all that is taken from them.
UNPACKED = """{0}.entry_id, {0}.content_type_id, {0}.slug, {0}.version, {0}.published_at,
        {0}.fields || '{{}}' AS fields"""


@dataclass(frozen=True)
class Rows:
    """Entries, read by the name `alias`; `order` is that of an aggregate over them."""

    alias: str
    source: str
    order: str = ""


def texts(rows: Rows, each: str) -> str:
    return f"(SELECT array_agg({as_bytes(each)}{rows.order}) FROM {rows.source})"


def as_bytes(each: str) -> str:
    """The SQL of the text as bytes: a str with other than Latin letters takes four times as much
    memory.
    """
    return f"convert_to({each}::text, 'UTF8')"


def item(
    alias: str, type_name: str, metadata: Sequence[str], fields: str | None, build: str = "json"
) -> str:
    """`composing` counts on the id being first, and the fields last."""
    members = [f"'id', {alias}.entry_id", f"'type', {type_name}"]
    members += [_METADATA[name].format(alias) for name in metadata]
    members += [] if fields is None else [f"'fields', {fields}"]
    return f"{build}_build_object({', '.join(members)})"


def shaped_item(
    alias: str, shape: Shape, parameters: Parameters, change: Callable[[str], str]
) -> str:
    """An entry with what the shape selects; `change` is applied to its fields."""
    type_name = parameters.add(shape.type_name, "text")
    if shape.fields == ():
        return item(alias, type_name, shape.metadata, None)
    fields = localised(alias, shape, parameters)
    if shape.fields is not None:
        fields = f"cms.only_fields({fields}, {parameters.add(list(shape.fields), 'text[]')})"
    return item(alias, type_name, shape.metadata, change(fields))


def included_item(
    alias: str, shape: Shape, fields: str, parameters: Parameters, build: str = "json"
) -> str:
    """An entry of any type, which always has the same members."""
    types = {str(type_id): name for type_id, name in shape.type_names.items()}
    type_name = f"{parameters.json(types)}->>({alias}.content_type_id::text)"
    return item(alias, type_name, METADATA, fields, build)


def localised(alias: str, shape: Shape, parameters: Parameters) -> str:
    fields = f"{alias}.fields"
    if not shape.trees:
        return fields
    trees = parameters.json({str(type_id): tree for type_id, tree in shape.trees.items()})
    tree = f"coalesce({trees}->({alias}.content_type_id::text), '{{}}')"
    return f"cms.in_locale({fields}, {tree}, {parameters.add(list(shape.chain), 'text[]')})"


def reference(alias: str, expansion: Expansion, parameters: Parameters) -> str:
    """The identifier that is stored, or those."""
    value = f"{alias}.fields->({parameters.add(expansion.field, 'text')})"
    if not expansion.many:
        return value
    return f"CASE jsonb_typeof({value}) WHEN 'array' THEN {value} ELSE '[]' END"


def where_it_applies(
    alias: str, expansion: Expansion, there: str, elsewhere: str, parameters: Parameters
) -> str:
    if not expansion.guarded:
        return there
    types = parameters.add(list(expansion.sources), "uuid[]")
    return f"CASE WHEN {alias}.content_type_id = ANY ({types}) THEN {there} ELSE {elsewhere} END"
