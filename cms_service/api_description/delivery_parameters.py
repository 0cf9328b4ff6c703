"""The parameters of the delivery API in OpenAPI's words: for entries of any type, and of one type
with its own fields. Pure.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from cms_service.api_description.operations import Document
from cms_service.content_types.fields import BaseField, Completeness, Context, Shape
from cms_service.content_types.fields.addresses import URL_CHARACTER
from cms_service.content_types.fields.moments import DateField, DatetimeField
from cms_service.content_types.fields.scalar import LocalisableField
from cms_service.content_types.names import TYPE_NAME_PATTERN
from cms_service.content_types.schemas import ContentType
from cms_service.core.endpoints.generation import GENERATION
from cms_service.core.paging.pages import MAX_LIMIT
from cms_service.core.validation.exact import ID_PATTERN
from cms_service.delivery.query.attributes import (
    COLUMN_KINDS,
    SORTABLE,
    Attribute,
    ValueKind,
    kind_of,
    operators_of,
)
from cms_service.delivery.query.expansions import types_to_expand
from cms_service.delivery.query.filter_values import NUMBER_PATTERN
from cms_service.delivery.query.grammar import (
    DEFAULT_LIMIT,
    MAX_CURSOR_LENGTH,
    MAX_EXPANDED,
    MAX_SELECTED,
    MAX_SORTS,
    MAX_VALUE_LENGTH,
    MAX_VALUES,
    WITH_LISTS,
    Operator,
)
from cms_service.delivery.query.plan import ALWAYS, METADATA
from cms_service.delivery.routes import ENTRY_ROUTE, LIST_ROUTE, SLUG_OR_ID_PATTERN
from cms_service.locales.schemas import ENGLISH, LOCALE_PATTERN
from cms_service.tenants.schemas import TENANT_NAME_PATTERN

_NAME = r"[A-Za-z][A-Za-z0-9_.]{0,99}"
_LIST = {"style": "form", "explode": False}
_ANY = Shape(Context(Completeness.DRAFT, ENGLISH))
_IDENTIFIER: Document = {"type": "string", "format": "uuid", "pattern": ID_PATTERN}
_VALUES: Mapping[ValueKind, Document] = {
    ValueKind.ID: _IDENTIFIER,
    ValueKind.LINK: _IDENTIFIER,
    ValueKind.LINKS: _IDENTIFIER,
    ValueKind.NUMBER: {"type": "string", "pattern": NUMBER_PATTERN},
    ValueKind.BOOLEAN: {"type": "boolean"},
    ValueKind.DATE: DateField(name="any", kind="date").value_schema(),
    ValueKind.MOMENT: DatetimeField(name="any", kind="datetime").value_schema(),
}


def _parameter(name: str, schema: Mapping[str, Any], about: str = "", **more: Any) -> Document:
    told = {"description": about} if about else {}
    return {"name": name, "in": "query", "required": False, **told, "schema": dict(schema), **more}


def _in_path(name: str, pattern: str) -> Document:
    schema = {"type": "string", "pattern": pattern}
    return {"name": name, "in": "path", "required": True, "schema": schema}


_OF_A_LIST = (
    _in_path("tenant", TENANT_NAME_PATTERN),
    _in_path("type_name", TYPE_NAME_PATTERN),
)
IN_PATH: dict[str, tuple[Document, ...]] = {
    LIST_ROUTE: _OF_A_LIST,
    ENTRY_ROUTE: (*_OF_A_LIST, _in_path("slug_or_id", SLUG_OR_ID_PATTERN)),
}
_HEADERS: tuple[Document, ...] = (
    {
        "name": "If-None-Match",
        "in": "header",
        "required": False,
        "description": "`ETag` of the answer that is at hand: 304 where it is still the same",
        "schema": {"type": "string"},
    },
    {
        "name": GENERATION.name,
        "in": "header",
        "required": False,
        "description": "Of a write: nothing that is older is answered",
        "schema": {"type": "string", "pattern": GENERATION.pattern},
    },
)
_OF_LISTS = (
    _parameter(
        "q",
        {"type": "string", "minLength": 1, "maxLength": MAX_VALUE_LENGTH},
        'Words, "a phrase", `or`, and -word for one that must not be there',
    ),
    _parameter(
        "limit",
        {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT},
    ),
    _parameter(
        "cursor",
        {"type": "string", "minLength": 1, "maxLength": MAX_CURSOR_LENGTH},
        "`nextCursor` of the page before, for the same `q`, filters, sort and locale",
    ),
)
_ABOUT = {
    "sort": "By these, a - for descending",
    "select": "Only these; `id` and `type` are always there",
    "expand": "Entries in place of their identifiers",
    "locale": "One value for each localised field: in this locale, or in its fall-backs",
}


def _comma_separated(pattern: str, most: int) -> Document:
    return {"type": "string", "pattern": rf"^{pattern}(,{pattern}){{0,{most - 1}}}$"}


_OF_ANY_TYPE = (
    _parameter("select", _comma_separated(_NAME, MAX_SELECTED), _ABOUT["select"]),
    _parameter(
        "expand",
        _comma_separated(r"[a-z][a-zA-Z0-9_]{0,62}(\.[a-z][a-zA-Z0-9_]{0,62})?", MAX_EXPANDED),
        _ABOUT["expand"],
    ),
    _parameter("locale", {"type": "string", "pattern": LOCALE_PATTERN}, _ABOUT["locale"]),
)


def parameters_of_any_type(route: str) -> list[Document]:
    """The query and header parameters for entries of any type."""
    if route == ENTRY_ROUTE:
        return [*_OF_ANY_TYPE, *_HEADERS]
    sort = _parameter("sort", _comma_separated(f"-?{_NAME}", MAX_SORTS), _ABOUT["sort"])
    return [*_OF_LISTS, sort, *_OF_ANY_TYPE, *_HEADERS]


def parameters_of(
    route: str, content_type: ContentType, types: Mapping[str, ContentType]
) -> list[Document]:
    """The query and header parameters for entries of one type; `types` holds those that references
    lead to, as far as they are described too.
    """
    shown = [*_of_one_type(content_type, types), *_HEADERS]
    if route == ENTRY_ROUTE:
        return shown
    sort = _parameter("sort", _several(_sorts(content_type), MAX_SORTS), _ABOUT["sort"], **_LIST)
    return [*_OF_LISTS, sort, *shown, *_filters(content_type)]


def _of_one_type(content_type: ContentType, types: Mapping[str, ContentType]) -> Iterator[Document]:
    names = [f"fields.{field.name}" for field in content_type.fields]
    selected = _several([*ALWAYS, *METADATA, "fields", *names], MAX_SELECTED)
    yield _parameter("select", selected, _ABOUT["select"], **_LIST)
    if paths := _expandable(content_type, types):
        yield _parameter("expand", _several(paths, MAX_EXPANDED), _ABOUT["expand"], **_LIST)
    locales = [locale.code for locale in content_type.locales.locales]
    yield _parameter("locale", {"type": "string", "enum": locales}, _ABOUT["locale"])


def _several(names: Iterable[str], most: int) -> Document:
    items = {"type": "string", "enum": list(names)}
    return {"type": "array", "items": items, "minItems": 1, "maxItems": most, "uniqueItems": True}


def _expandable(content_type: ContentType, types: Mapping[str, ContentType]) -> list[str]:
    """The paths of references, one and two steps deep."""
    paths = []
    for head in _references(content_type):
        targets = [
            types[name] for name in sorted(types_to_expand([head], [content_type]) & types.keys())
        ]
        inner = dict.fromkeys(name for target in targets for name in _references(target))
        paths += [head, *(f"{head}.{name}" for name in inner)]
    return paths


def _references(content_type: ContentType) -> list[str]:
    links = {ValueKind.LINK, ValueKind.LINKS}
    return [field.name for field in content_type.fields if kind_of(field) in links]


def _attributes(content_type: ContentType) -> Iterator[tuple[str, Attribute, BaseField | None]]:
    for column, kind in COLUMN_KINDS.items():
        yield column.value, Attribute(kind, column), None
    for field in content_type.fields:
        yield f"fields.{field.name}", Attribute(kind_of(field), field=field.name), field


def _sorts(content_type: ContentType) -> list[str]:
    return [
        sign + name
        for name, attribute, _ in _attributes(content_type)
        if attribute.kind in SORTABLE
        for sign in ("", "-")
    ]


def _filters(content_type: ContentType) -> Iterator[Document]:
    for name, attribute, field in _attributes(content_type):
        localised = isinstance(field, LocalisableField) and field.localised
        about = "Needs `locale`" if localised else ""
        for operator in Operator:
            if operator not in operators_of(attribute):
                continue
            parameter = f"filter[{name}][{operator}]"
            if operator is Operator.EXISTS:
                yield _parameter(parameter, {"type": "boolean"}, about)
            elif operator in WITH_LISTS:
                items = _in_a_list(_value(attribute, field))
                values = {"type": "array", "items": items, "minItems": 1, "maxItems": MAX_VALUES}
                yield _parameter(parameter, values, about, **_LIST)
            else:
                yield _parameter(parameter, _value(attribute, field), about)


def _value(attribute: Attribute, field: BaseField | None) -> Document:
    """The schema of a value in a query string."""
    if attribute.kind is not ValueKind.TEXT:
        return _VALUES[attribute.kind]
    if field is None or field.kind == "text":
        return {"type": "string", "maxLength": MAX_VALUE_LENGTH}
    return _short(
        field.value_schema() if isinstance(field, LocalisableField) else field.json_schema(_ANY)
    )


def _short(schema: Document) -> Document:
    if "enum" in schema:
        return schema
    return {**schema, "maxLength": min(MAX_VALUE_LENGTH, schema["maxLength"])}


def _in_a_list(schema: Document) -> Document:
    r"""The schema of a value among others: commas and backslashes in it have a backslash before
    them.
    """
    if "enum" in schema:
        escaped = [name.replace("\\", "\\\\").replace(",", "\\,") for name in schema["enum"]]
        return {**schema, "enum": escaped}
    if schema["type"] != "string" or "format" in schema:
        return schema
    listed = {**schema, "allOf": [{"pattern": r"^([^,\\]|\\[,\\])*$"}]}
    if "pattern" in schema:  # a URL has no backslash but for this
        listed["pattern"] = schema["pattern"].replace(URL_CHARACTER, rf"({URL_CHARACTER}|\\,)")
    return listed
