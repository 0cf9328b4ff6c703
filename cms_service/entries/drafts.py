"""What a new state of an entry holds, and how it comes about. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from cms_service.content_types.fields import Completeness, Context, accept_all, slug_of
from cms_service.content_types.schemas import ContentType
from cms_service.core.errors import Invalid
from cms_service.entries import references, unique
from cms_service.entries.references import Reference


@dataclass(frozen=True)
class Draft:
    """Values that were accepted by a type, and by which version of it."""

    type: ContentType
    fields: Mapping[str, Any]
    slug: str | None

    @classmethod
    def of(
        cls, content_type: ContentType, values: Mapping[str, Any], completeness: Completeness
    ) -> Self:
        """Raises Invalid where the type does not accept the values."""
        context = Context(completeness, content_type.locales)
        accepted, errors = accept_all(content_type.fields, values, context)
        if errors:
            raise Invalid(f"The fields do not fit the type {content_type.name}.", errors)
        return cls(content_type, accepted, slug_of(content_type.fields, accepted))

    @property
    def claims(self) -> list[dict[str, str]]:
        return unique.claims(self.type.fields, self.fields)

    @property
    def references(self) -> list[Reference]:
        return references.references_in(self.type.fields, self.fields)


@dataclass(frozen=True)
class Save:
    """How a version comes about: its kind, and the version that it brings back."""

    kind: str = "saved"
    restored_from: int | None = None

    def values(self) -> dict[str, object]:
        return {"kind": self.kind, "restoredFrom": self.restored_from}
