"""The OpenAPI document of one tenant's content: the routes of entries, once for each content type,
with the type's fields in place of any object. Derived from the document of all routes. Pure.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from cms_service.api_description import delivery
from cms_service.api_description.delivery_parameters import parameters_of
from cms_service.api_description.links import add_links
from cms_service.api_description.operations import Document
from cms_service.api_description.references import (
    SCHEMAS,
    leading_to,
    reached,
    renamed,
    schemas_in,
)
from cms_service.content_types.fields import Completeness, Context, Shape, type_schema
from cms_service.content_types.fields.rich_text_document import SCHEMA as RICH_TEXT
from cms_service.content_types.schemas import ContentType
from cms_service.delivery.routes import LIST_ROUTE
from cms_service.entries.schemas import Entry, EntryChange, EntryContent

_OF_ONE_TYPE = ("/v1/tenants/{tenant}/content-types/{type_name}/", LIST_ROUTE)
_NAMED_BY_PATH = {"tenant", "type_name"}
_SENT = {EntryContent.__name__, EntryChange.__name__}
_ROOTS = {Entry.__name__, *_SENT, delivery.ENTRY}
_DEFINITIONS = "#/$defs/"
_SHARED = ("securitySchemes", "headers", "responses")

_DESCRIPTION = """The entries of the content types of the tenant {tenant}, as they are now: this
document changes with the types and the locales. For each type there are `TYPE.Fields` (of a draft),
`TYPE.FieldsSent` (what may be sent: a null takes a field away), `TYPE.FieldsComplete` (what a draft
has to be to be published) and `TYPE.DeliveredFields` (in one locale or in all, with or without
expanded references). `pattern` stands only where all dialects of regular expressions read it alike;
uniqueness, the existence of what is referred to, and the bounds of days and moments are told by the
server alone. All other routes are in `/openapi.json`."""


def tenant_document(general: Document, tenant: str, types: Sequence[ContentType]) -> Document:
    others = general["components"]["schemas"]
    typed = leading_to(others, _ROOTS)
    of_types = _of_one_type(general, typed)
    typed &= reached(others, set(schemas_in(of_types)))
    schemas = _rich_text()
    paths: dict[str, Document] = {}
    by_name = {each.name: each for each in types}
    for content_type in types:
        schemas |= _field_schemas(content_type, by_name)
        schemas |= dict(_typed_schemas(general, typed, content_type))
        for path, operations in of_types.items():
            own = path.replace("{tenant}", tenant).replace("{type_name}", content_type.name)
            paths[own] = _typed_operations(operations, typed, content_type.name)
            if path.startswith(LIST_ROUTE):
                of_type = parameters_of(path, content_type, by_name)
                for method in ("get", "head"):
                    operation = paths[own][method]
                    in_path = [each for each in operation["parameters"] if each["in"] == "path"]
                    operation["parameters"] = in_path + of_type
    used = set(schemas_in([paths, *schemas.values(), *general["components"]["responses"].values()]))
    schemas |= {name: others[name] for name in sorted(reached(others, used & others.keys()))}
    document = {
        "openapi": general["openapi"],
        "info": {
            **general["info"],
            "title": f"Content of {tenant}",
            "description": _DESCRIPTION.format(tenant=tenant),
        },
        "tags": [{"name": each.name, "description": each.display_name} for each in types],
        "paths": paths,
        "components": {
            **{name: general["components"][name] for name in _SHARED},
            "schemas": schemas,
        },
    }
    add_links(document)
    return document


def _field_schemas(content_type: ContentType, types: Mapping[str, ContentType]) -> Document:
    draft, complete = (
        Context(completeness, content_type.locales)
        for completeness in (Completeness.DRAFT, Completeness.PUBLISHED)
    )
    shapes = {
        "Fields": Shape(draft),
        "FieldsSent": Shape(draft, nulls=True),
        "FieldsComplete": Shape(complete),
        "DeliveredFields": delivery.delivered_shape(content_type, types.keys()),
    }
    return {
        f"{content_type.name}.{name}": _with_references(type_schema(content_type.fields, shape))
        for name, shape in shapes.items()
    }


def _typed_schemas(
    general: Document, typed: set[str], content_type: ContentType
) -> Iterator[tuple[str, Document]]:
    name_of = _names(typed, content_type.name)
    own = f"{SCHEMAS}{content_type.name}."
    for name in sorted(typed):
        schema = renamed(general["components"]["schemas"][name], name_of)
        if name == Entry.__name__:
            schema["properties"] |= {
                "type": {"const": content_type.name},
                "fields": {"$ref": own + "Fields"},
            }
        elif name in _SENT:
            schema["properties"]["fields"] = {"$ref": own + "FieldsSent"}
        elif name == delivery.ENTRY:
            schema["properties"] |= {
                "type": {"const": content_type.name},
                "fields": {"$ref": own + "DeliveredFields"},
            }
        yield name_of(name), schema


def _of_one_type(general: Document, typed: set[str]) -> dict[str, Document]:
    """The paths with an operation that takes or answers fields: all methods of each, so that none
    seems to be missing.
    """
    return {
        path: operations
        for path, operations in general["paths"].items()
        if path.startswith(_OF_ONE_TYPE) and not typed.isdisjoint(schemas_in(operations))
    }


def _typed_operations(operations: Document, typed: set[str], type_name: str) -> Document:
    return {
        method: _of_type(operation, typed, type_name) for method, operation in operations.items()
    }


def _of_type(operation: Document, typed: set[str], type_name: str) -> Document:
    own: Document = renamed(operation, _names(typed, type_name))
    own["operationId"] = f"{own['operationId']}.{type_name}"
    own["tags"] = [type_name]
    own["parameters"] = [each for each in own["parameters"] if each["name"] not in _NAMED_BY_PATH]
    for response in own["responses"].values():
        response.pop("links", None)
    return own


def _names(typed: set[str], type_name: str) -> Callable[[str], str]:
    return lambda name: f"{type_name}.{name}" if name in typed else name


def _rich_text() -> Document:
    """The definitions of rich text as components, for not all tools read `$id`."""
    definitions: Document = RICH_TEXT["$defs"]
    own = {f"RichText.{name}": _with_references(each) for name, each in definitions.items()}
    return {"RichText": {"$ref": f"{SCHEMAS}RichText.doc"}, **own}


def _with_references(node: Any) -> Any:
    """A copy that refers to the components of rich text in place of its definitions."""
    if isinstance(node, list):
        return [_with_references(member) for member in node]
    if not isinstance(node, dict):
        return node
    if node.get("$id") == RICH_TEXT["$id"]:
        return {"$ref": f"{SCHEMAS}RichText"}
    if str(node.get("$ref", "")).startswith(_DEFINITIONS):
        return {"$ref": f"{SCHEMAS}RichText.{node['$ref'].removeprefix(_DEFINITIONS)}"}
    return {name: _with_references(member) for name, member in node.items()}
