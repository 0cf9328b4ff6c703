"""Delivery reads a type once, until its tenant's types change."""

from collections.abc import Collection
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest

from cms_service.content_types.fields import BaseField
from cms_service.content_types.fields.enumeration import EnumerationField
from cms_service.content_types.fields.reference import ReferencesField
from cms_service.content_types.schemas import ContentType
from cms_service.content_types.sizes import MAX_BYTES, MAX_HELD_BYTES
from cms_service.core.errors import BadRequest
from cms_service.delivery.definitions import MAX_NEEDED_BYTES, Definitions
from cms_service.delivery.query.grammar import parse_list_query
from cms_service.delivery.repository import DeliveryRepository
from cms_service.locales.schemas import ENGLISH
from cms_service.tenants.schemas import DeliveryAccess, TenantState

EVERYTHING = parse_list_query(b"")
TENANT = TenantState(
    id=UUID(int=1),
    name="acme",
    delivery_access=DeliveryAccess.PUBLIC,
    generation=1,
    access_generation=1,
    types_generation=1,
)
PUBLISHED = replace(TENANT, generation=2, access_generation=2)
CHANGED = replace(PUBLISHED, generation=3, types_generation=3)
ANOTHER = replace(TENANT, id=UUID(int=2))


class Types(DeliveryRepository):
    """There is the type article, and those that are given."""

    def __init__(self, *others: ContentType) -> None:
        self.asked_for: list[UUID] = []
        self._there = {each.name: each for each in (article(), *others)}

    async def types(self, tenant: TenantState, names: Collection[str]) -> dict[str, ContentType]:
        self.asked_for.append(tenant.id)
        return {name: self._there[name] for name in names if name in self._there}


def article() -> ContentType:
    return content_type("article")


def content_type(name: str, *fields: BaseField) -> ContentType:
    now = datetime.now(UTC)
    return ContentType(
        id=UUID(int=3),
        name=name,
        display_name=name.title(),
        fields=fields,
        version=1,
        created_at=now,
        updated_at=now,
        locales=ENGLISH,
    )


@pytest.mark.parametrize(
    ("next_state", "reads"),
    [(PUBLISHED, 1), (CHANGED, 2), (ANOTHER, 2)],
    ids=["published", "changed", "another tenant"],
)
async def test_a_type_is_read_once_for_each_generation_of_its_tenants_types(
    next_state: TenantState, reads: int
) -> None:
    repository = Types()
    definitions = Definitions(repository)
    for tenant in (TENANT, next_state, next_state):
        assert list(await definitions.needed(tenant, "article", EVERYTHING)) == ["article"]
    assert len(repository.asked_for) == reads


async def test_a_name_that_no_type_has_is_asked_for_each_time() -> None:
    repository = Types()
    definitions = Definitions(repository)
    for _ in range(2):
        assert await definitions.needed(TENANT, "nothing", EVERYTHING) == {}
    assert len(repository.asked_for) == 2


def large(name: str) -> ContentType:
    """A type as large as one may be."""
    values = tuple(f"{number:03d}" + "v" * 97 for number in range(200))
    size = len("".join(values))
    fields = [
        EnumerationField(name=f"f{number}", kind="enumeration", values=values)
        for number in range(MAX_BYTES // size)
    ]
    return content_type(name, *fields)


async def test_large_types_are_held_as_far_as_memory_is_meant_for_them() -> None:
    names = [f"type{number}" for number in range(2 * MAX_HELD_BYTES // MAX_BYTES)]
    repository = Types(*(large(name) for name in names))
    definitions = Definitions(repository)
    for name in (*names, names[-1], names[0]):
        assert list(await definitions.needed(TENANT, name, EVERYTHING)) == [name]
    assert len(repository.asked_for) == len(names) + 1, "the first one is held no more"


async def test_no_reader_makes_a_pod_hold_any_number_of_large_types_at_once() -> None:
    names = [f"type{number}" for number in range(MAX_NEEDED_BYTES // MAX_BYTES * 2)]
    links = [
        ReferencesField(name=f"link{number}", kind="references", types=tuple(names[number::5]))
        for number in range(5)
    ]
    repository = Types(*(large(name) for name in names), content_type("page", *links))
    definitions = Definitions(repository)
    some = parse_list_query(b"expand=link0")
    assert len(await definitions.needed(TENANT, "page", some)) == 1 + len(names[0::5])
    all_of_them = parse_list_query(b"expand=link0,link1,link2,link3,link4")
    with pytest.raises(BadRequest, match="expand less"):
        await definitions.needed(TENANT, "page", all_of_them)
