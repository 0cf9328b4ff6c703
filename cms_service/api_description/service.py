import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Self

import orjson

from cms_service.api_description.operations import Document
from cms_service.api_description.tenant_document import tenant_document
from cms_service.auth.actor import Actor
from cms_service.content_types.fields.kinds import total
from cms_service.content_types.repository import ContentTypeRepository
from cms_service.content_types.schemas import ContentType
from cms_service.core.errors import FieldError, Invalid

MAX_TYPES = 100
MAX_FIELDS = 5_000


@dataclass(frozen=True)
class Sent:
    """A document as it is sent."""

    content: bytes
    etag: str

    @classmethod
    def of(cls, document: Document) -> Self:
        content = orjson.dumps(document)
        return cls(content, _tag(content))


@dataclass(frozen=True)
class TenantContent:
    """What a tenant's document is made of."""

    tenant: str
    types: Sequence[ContentType]
    etag: str


class ApiDescription:
    """`document` makes the document of all routes; it is called once, when the document is first
    asked for, for that takes a moment.
    """

    def __init__(self, document: Callable[[], Document], types: ContentTypeRepository) -> None:
        self._make = document
        self._types = types
        self._general: tuple[Document, Sent] | None = None
        self._making = asyncio.Lock()

    async def general(self) -> Sent:
        return (await self._made())[1]

    async def content(self, actor: Actor, names: Sequence[str] | None) -> TenantContent:
        """What the document of these types, or of all, is made of. Raises Invalid."""
        if names is None:
            types, is_cut = await self._types.page(actor.tenant_id, MAX_TYPES + 1, None)
        else:
            types, is_cut = await self._types.named(actor.tenant_id, names)
            if not is_cut and (missing := set(names) - {each.name for each in types}):
                raise _refused(f"there is no content type {min(missing)}")
        if is_cut:
            raise _refused("name some, or fewer: these are too large together")
        check_size(types)
        types = sorted(types, key=lambda each: each.name)
        return TenantContent(actor.tenant_name, types, await self._etag(types))

    async def of_content(self, content: TenantContent) -> bytes:
        general, _ = await self._made()
        return await asyncio.to_thread(
            lambda: orjson.dumps(tenant_document(general, content.tenant, content.types))
        )

    async def _etag(self, types: Sequence[ContentType]) -> str:
        """The document need not be made to tell that it is the same."""
        _, general = await self._made()
        parts = [
            [each.name, each.display_name, repr(each.fields), repr(each.locales)] for each in types
        ]
        return _tag(orjson.dumps([general.etag, parts]))

    async def _made(self) -> tuple[Document, Sent]:
        async with self._making:
            if self._general is None:
                document = await asyncio.to_thread(self._make)
                self._general = document, Sent.of(document)
            return self._general


def check_size(types: Sequence[ContentType]) -> None:
    """Raises Invalid for more than one document may hold."""
    if len(types) > MAX_TYPES or sum(total(each.fields) for each in types) > MAX_FIELDS:
        raise _refused(f"name some: at most {MAX_TYPES}, with {MAX_FIELDS} fields in all")


def _tag(content: bytes) -> str:
    return f'"{blake2b(content, digest_size=16).hexdigest()}"'


def _refused(detail: str) -> Invalid:
    return Invalid("The document cannot be made.", (FieldError("types", detail),))
