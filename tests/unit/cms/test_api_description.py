"""The OpenAPI documents: of all routes, and of one tenant's content."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import jsonschema
import pytest

from cms_service.api_description.operations import Document
from cms_service.api_description.references import SCHEMAS, reached, schemas_in
from cms_service.api_description.service import check_size
from cms_service.api_description.tenant_document import tenant_document
from cms_service.content_types.schemas import ContentType
from cms_service.core.errors import Invalid
from cms_service.core.ids import new_id
from cms_service.delivery.query.grammar import parse_list_query
from cms_service.delivery.query.plan import entry_shape, list_plan
from cms_service.management import api_document
from tests.support.field_kinds import definition


@dataclass(frozen=True)
class Operation:
    method: str
    path: str
    described: Document

    @property
    def answers(self) -> set[int]:
        return {int(status) for status in self.described["responses"]}

    @property
    def is_open(self) -> bool:
        return not self.described["security"]


def operations_of(document: Document) -> list[Operation]:
    return [
        Operation(method.upper(), path, operation)
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    ]


@pytest.fixture(scope="module")
def general() -> Document:
    return api_document()


@pytest.fixture(scope="module")
def operations(general: Document) -> list[Operation]:
    return operations_of(general)


def test_what_users_read_of_operations_and_schemas_stands_by_itself(
    general: Document, operations: list[Operation]
) -> None:
    """It comes from docstrings, whose readers see the name above them; users may not."""
    described = [operation.described for operation in operations]
    described += general["components"]["schemas"].values()
    texts = [each["description"] for each in described if "description" in each]
    assert texts
    assert [text for text in texts if not re.match(r"[A-Z`]", text)] == []
    fragments = {"As", "At", "By", "For", "From", "In", "Into", "Of", "On", "To", "With"}
    assert [text for text in texts if text.split()[0] in fragments] == []


def test_every_operation_has_a_name_of_its_own(operations: list[Operation]) -> None:
    names = [operation.described["operationId"] for operation in operations]
    assert len(set(names)) == len(names)
    assert all(name.isalnum() and name[0].islower() for name in names)


def test_only_these_ask_for_no_credentials(operations: list[Operation]) -> None:
    assert {
        operation.described["operationId"] for operation in operations if operation.is_open
    } == {
        "health",
        "getApiDescription",
        "login",
        "refresh",
        "logout",
        "optionsOfPage",
        "optionsOfEntry",
    }


def test_an_answer_is_described_wherever_it_can_come(operations: list[Operation]) -> None:
    for operation in operations:
        expected = {400, 500}
        if operation.path.startswith("/v1/"):
            expected |= {421, 503}
        if not operation.is_open:
            expected |= {401, 403, 429}
        sent = operation.described.get("parameters") or "requestBody" in operation.described
        if sent and not operation.path.startswith("/v1/delivery/"):
            expected |= {422}
        if "requestBody" in operation.described:
            expected |= {408, 413, 415}
        if operation.method not in {"GET", "HEAD", "OPTIONS"}:
            expected |= {409}
        if operation.path.count("{") > 1:
            expected |= {404}
        names = {parameter["name"] for parameter in operation.described.get("parameters", ())}
        if "if-match" in names:
            expected |= {412}
        if names & {"if-none-match", "If-None-Match"}:
            expected |= {304}
        assert expected <= operation.answers, operation


def test_every_reference_leads_somewhere(general: Document) -> None:
    names = set(schemas_in(general))
    assert names <= general["components"]["schemas"].keys()
    responses = general["components"]["responses"]
    for operation in operations_of(general):
        for status, response in operation.described["responses"].items():
            if "$ref" in response:
                problem = responses[response["$ref"].rsplit("/", 1)[1]]
                assert "application/problem+json" in problem["content"], (operation, status)


def bounded(schema: Any, schemas: Document) -> bool:
    """Whether no value of it can be endless."""
    if "$ref" in schema:
        return bounded(schemas[schema["$ref"].removeprefix(SCHEMAS)], schemas)
    if "enum" in schema or "const" in schema:
        return True
    kind = schema.get("type")
    if kind is None:
        return all(bounded(each, schemas) for each in schema.get("anyOf", ()))
    needed = {
        "string": schema.keys() & {"pattern", "maxLength"},
        "integer": schema.keys() >= {"minimum", "maximum"},
        "number": schema.keys() >= {"minimum", "maximum"},
        "array": "maxItems" in schema and bounded(schema["items"], schemas),
    }
    return bool(needed.get(kind, True))


def members(schema: Any) -> Iterator[tuple[str, Any]]:
    yield from schema.get("properties", {}).items()
    for key in ("anyOf", "oneOf", "allOf"):
        for each in schema.get(key, ()):
            yield from members(each)


def test_everything_that_can_be_sent_has_bounds(
    general: Document, operations: list[Operation]
) -> None:
    schemas = general["components"]["schemas"]
    for operation in operations:
        for parameter in operation.described.get("parameters", ()):
            is_bounded = bounded(parameter["schema"], schemas)
            assert is_bounded or parameter["in"] == "header", (operation.path, parameter["name"])
        body = operation.described.get("requestBody")
        for name in reached(schemas, set(schemas_in(body))):
            for member, schema in members(schemas[name]):
                assert bounded(schema, schemas), (name, member)


def test_what_was_made_leads_to_what_can_be_done_with_it(general: Document) -> None:
    made = general["paths"]["/v1/tenants/{tenant}/content-types"]["post"]["responses"]["201"]
    assert made["links"]["replaceContentType"] == {
        "operationId": "replaceContentType",
        "parameters": {
            "tenant": "$request.path.tenant",
            "type_name": "$response.body#/name",
        },
    }
    assert "restoreVersion" not in made["links"]


def content_type(name: str, *fields: dict[str, Any]) -> ContentType:
    return ContentType.model_validate(
        {
            "id": new_id(),
            "name": name,
            "displayName": name.title(),
            "version": 1,
            "createdAt": datetime.now(UTC),
            "updatedAt": datetime.now(UTC),
            "locales": {"default": "en", "locales": [{"code": "en"}, {"code": "de"}]},
            "fields": fields,
        }
    )


TYPES = (
    content_type(
        "article",
        {"name": "title", "kind": "text", "required": True, "maxLength": 5},
        {"name": "teaser", "kind": "text", "localised": True},
        {"name": "body", "kind": "richtext"},
        {"name": "author", "kind": "reference", "types": ["author"]},
        {
            "name": "parts",
            "kind": "components",
            "fields": [{"name": "text", "kind": "richtext", "required": True}],
        },
    ),
    content_type(
        "author",
        {"name": "name", "kind": "text"},
        {"name": "slug", "kind": "slug"},
        {"name": "born", "kind": "date"},
        {"name": "seen", "kind": "datetime"},
        {"name": "height", "kind": "number"},
        {"name": "active", "kind": "boolean"},
        {"name": "role", "kind": "enumeration", "values": ["editor", "guest"]},
        {"name": "books", "kind": "references", "types": ["article"]},
    ),
)
EXAMPLES = {
    "uuid": "0190a000-0000-7000-8000-000000000001",
    "date": "2026-01-31",
    "date-time": "2026-01-31T12:00:00Z",
}
ID = "0190a000-0000-7000-8000-000000000001"
BODY = {
    "type": "doc",
    "content": [{"type": "paragraph", "content": [{"type": "text", "text": "x"}]}],
}


@pytest.fixture(scope="module")
def of_acme(general: Document) -> Document:
    return tenant_document(general, "acme", TYPES)


def fits(document: Document, name: str, value: Any) -> bool:
    schema = {"$ref": SCHEMAS + name, "components": document["components"]}
    return bool(jsonschema.Draft202012Validator(schema).is_valid(value))


FITTING: list[dict[str, Any]] = [
    {},
    {"title": "Hello"},
    {"teaser": {"en": "a", "de": "b"}},
    {"body": BODY},
    {"author": ID},
    {"parts": [{"text": BODY}, {}]},
]
NOT_FITTING: list[dict[str, Any]] = [
    {"nope": 1},
    {"title": "Hello!"},
    {"teaser": "a"},
    {"teaser": {"fr": "a"}},
    {"body": "<p>x</p>"},
    {"body": {"type": "doc", "content": [{"type": "text", "text": "x"}]}},
    {"author": "somebody"},
    {"parts": [{"text": {"type": "doc", "content": [{"type": "image"}]}}]},
]


@pytest.mark.parametrize("fields", FITTING)
def test_fields_of_a_draft_fit(of_acme: Document, fields: dict[str, Any]) -> None:
    assert fits(of_acme, "article.EntryContent", {"fields": fields})
    assert fits(of_acme, "article.Fields", fields)
    assert fits(of_acme, "article.NewEntries", {"items": [{"fields": fields}]})
    assert fits(of_acme, "article.EntryChanges", {"items": [{"id": ID, "fields": fields}]})


@pytest.mark.parametrize("fields", NOT_FITTING)
def test_what_is_refused_does_not_fit(of_acme: Document, fields: dict[str, Any]) -> None:
    assert not fits(of_acme, "article.EntryContent", {"fields": fields})
    assert not fits(of_acme, "article.EntryChange", {"id": ID, "fields": fields})
    assert not fits(of_acme, "article.Fields", fields)


def test_a_null_can_be_sent_and_is_never_read(of_acme: Document) -> None:
    for fields in ({"title": None}, {"teaser": {"en": None}}, {"parts": [{"text": None}]}):
        assert fits(of_acme, "article.FieldsSent", fields)
        assert not fits(of_acme, "article.Fields", fields)


def test_what_is_published_has_to_be_complete(of_acme: Document) -> None:
    assert fits(of_acme, "article.FieldsComplete", {"title": "Hello", "parts": [{"text": BODY}]})
    assert not fits(of_acme, "article.FieldsComplete", {})
    assert not fits(of_acme, "article.FieldsComplete", {"title": "Hello", "parts": [{}]})


DELIVERED: list[dict[str, Any]] = [
    {"id": ID, "type": "article"},
    {"id": ID, "type": "article", "fields": {"title": "Hello", "author": ID}},
    {"id": ID, "type": "article", "fields": {"teaser": "in one locale"}},
    {"id": ID, "type": "article", "fields": {"teaser": {"de": "in all"}}},
    {"id": ID, "type": "article", "fields": {"author": None}},
    {"id": ID, "type": "article", "fields": {"author": {"id": ID, "type": "author"}}},
]
NEVER_DELIVERED: list[dict[str, Any]] = [
    {"id": ID},
    {"id": ID, "type": "author"},
    {"id": ID, "type": "article", "fields": {"title": None}},
    {"id": ID, "type": "article", "fields": {"author": {"id": ID, "type": "article"}}},
]


def test_what_is_delivered_is_described(of_acme: Document) -> None:
    for entry in DELIVERED:
        assert fits(of_acme, "article.DeliveredPage", {"items": [entry], "nextCursor": None}), entry
    for entry in NEVER_DELIVERED:
        assert not fits(of_acme, "article.DeliveredEntry", entry), entry


def test_delivery_of_a_type_has_its_fields_as_parameters(of_acme: Document) -> None:
    listed = of_acme["paths"]["/v1/delivery/acme/article"]["get"]
    schemas = {parameter["name"]: parameter["schema"] for parameter in listed["parameters"]}
    assert schemas["filter[fields.title][eq]"] == {"type": "string", "maxLength": 500}
    assert schemas["filter[fields.author][in]"]["items"]["format"] == "uuid"
    assert "filter[fields.body][exists]" in schemas
    assert "filter[fields.body][eq]" not in schemas
    assert schemas["sort"]["items"]["enum"][-1] == "-fields.teaser"
    assert schemas["expand"]["items"]["enum"] == ["author", "author.books"]
    assert schemas["locale"]["enum"] == ["en", "de"]
    single = of_acme["paths"]["/v1/delivery/acme/article/{slug_or_id}"]["get"]
    names = [parameter["name"] for parameter in single["parameters"]]
    assert names == [
        "slug_or_id",
        "select",
        "expand",
        "locale",
        "If-None-Match",
        "X-HCMS-Generation",
    ]


@pytest.mark.parametrize("name", [each.name for each in TYPES])
def test_whatever_the_document_offers_is_understood(of_acme: Document, name: str) -> None:
    """Delivery's own checks of queries take one value of each parameter."""
    types = {each.name: each for each in TYPES}
    values = {"boolean": "true"}
    for parameter in of_acme["paths"][f"/v1/delivery/acme/{name}"]["get"]["parameters"]:
        if parameter["in"] != "query" or parameter["name"] == "cursor":
            continue
        schema = parameter["schema"]
        one = schema.get("items", schema)
        for value in one.get(
            "enum", [EXAMPLES.get(one.get("format")) or values.get(one["type"], "1")]
        ):
            asked = {parameter["name"]: value}
            if "locale" in parameter.get("description", "") or "teaser" in value:
                asked["locale"] = "en"
            query = parse_list_query(urlencode(asked).encode())
            list_plan(query, types[name])
            entry_shape(query, types[name], types)


WITH_COMMAS = {
    "text": "a,b",
    "enumeration": "a,b",
    "email": "a,b@example.com",
    "url": "https://example.com/a,b",
}


@pytest.mark.parametrize(("kind", "value"), WITH_COMMAS.items())
def test_a_value_with_a_comma_can_be_one_of_several(
    general: Document, kind: str, value: str
) -> None:
    field = definition(kind) | ({"values": ["a,b"]} if kind == "enumeration" else {})
    document = tenant_document(general, "acme", [content_type("note", field)])
    listed = document["paths"]["/v1/delivery/acme/note"]["get"]["parameters"]
    name = f"filter[fields.{kind}][in]"
    (schema,) = [each["schema"] for each in listed if each["name"] == name]
    fitting = jsonschema.Draft202012Validator(schema)
    assert fitting.is_valid([value.replace(",", "\\,")])
    assert not fitting.is_valid([value])


def test_a_document_is_not_made_of_any_number_of_types_and_fields() -> None:
    flags = [{"name": f"f{number}", "kind": "boolean"} for number in range(49)]
    large = content_type("large", {"name": "group", "kind": "component", "fields": flags})
    check_size([large] * 100)
    larger = content_type(
        "larger", {"name": "group", "kind": "component", "fields": flags}, *flags[:1]
    )
    for types in ([larger] * 100, [TYPES[0]] * 101):
        with pytest.raises(Invalid):
            check_size(types)


def test_a_tenants_document_stands_by_itself(of_acme: Document, general: Document) -> None:
    assert set(schemas_in(of_acme)) <= of_acme["components"]["schemas"].keys()
    operations = operations_of(of_acme)
    assert {operation.path for operation in operations if "article" in operation.path} >= {
        "/v1/tenants/acme/content-types/article/entries",
        "/v1/tenants/acme/content-types/article/entries/{entry_id}",
        "/v1/tenants/acme/content-types/article/bulk/create",
    }
    names = [operation.described["operationId"] for operation in operations]
    assert len(set(names)) == len(names)
    for operation in operations:
        assert "{tenant}" not in operation.path
        general_path = f"{operation.path}/".replace("/acme/", "/{tenant}/")
        for each in TYPES:
            general_path = general_path.replace(f"/{each.name}/", "/{type_name}/")
        general_path = general_path.removesuffix("/")
        method = operation.method.lower()
        assert operation.answers == {
            int(status) for status in general["paths"][general_path][method]["responses"]
        }
