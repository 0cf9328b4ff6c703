"""Delivery reads a type once, until its tenant's types change."""

from collections.abc import Collection
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest

from cms_service.content_types.schemas import ContentType
from cms_service.delivery.definitions import Definitions
from cms_service.delivery.query import parse_list_query
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
    """There is the type article."""

    def __init__(self) -> None:
        self.asked_for: list[UUID] = []

    async def types(self, tenant: TenantState, names: Collection[str]) -> dict[str, ContentType]:
        self.asked_for.append(tenant.id)
        return {name: article() for name in names if name == "article"}


def article() -> ContentType:
    now = datetime.now(UTC)
    return ContentType(
        id=UUID(int=3),
        name="article",
        display_name="Article",
        fields=(),
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
