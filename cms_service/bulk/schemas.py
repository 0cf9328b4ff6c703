from collections.abc import Sequence
from typing import Annotated, Self
from uuid import UUID

from pydantic import Field, model_validator

from cms_service.core.errors import Problem
from cms_service.core.validation.exact import Flag, Identifier
from cms_service.core.validation.schemas import RequestBody, Schema
from cms_service.entries.schemas import EntryChange, EntryContent, SeenVersion

MAX_ITEMS = 100


class Item(RequestBody):
    """`version`: the one that the caller has seen, where it matters."""

    id: Identifier
    version: SeenVersion | None = None


class Selection(RequestBody):
    """`atomic`: all of it or nothing."""

    items: Annotated[tuple[Item, ...], Field(min_length=1, max_length=MAX_ITEMS)]
    atomic: Flag = False

    @model_validator(mode="after")
    def _different(self) -> Self:
        _check_different(self.items)
        return self


class Deletion(Selection):
    """`breakReferences`: although published entries refer to them."""

    break_references: Flag = False


class EntryChanges(RequestBody):
    items: Annotated[tuple[EntryChange, ...], Field(min_length=1, max_length=MAX_ITEMS)]
    atomic: Flag = False

    @model_validator(mode="after")
    def _different(self) -> Self:
        _check_different(self.items)
        return self


def _check_different(items: Sequence[Item | EntryChange]) -> None:
    """Raises ValueError."""
    if len({item.id for item in items}) != len(items):
        raise ValueError("an entry is named twice")


class NewEntries(RequestBody):
    items: Annotated[tuple[EntryContent, ...], Field(min_length=1, max_length=MAX_ITEMS)]
    atomic: Flag = False


class OutcomeError(Schema):
    pointer: str
    detail: str


class Outcome(Schema):
    """`status` is what a request for this one alone would have answered. `version` is the one that
    the entry has.
    """

    id: UUID | None
    status: int
    version: int | None = None
    detail: str | None = None
    errors: tuple[OutcomeError, ...] = ()

    @classmethod
    def refused(cls, entry_id: UUID | None, problem: Problem) -> Self:
        errors = tuple(OutcomeError(pointer=e.pointer, detail=e.detail) for e in problem.errors)
        return cls(id=entry_id, status=problem.status, detail=problem.detail, errors=errors)


class Outcomes(Schema):
    """The outcomes come in the order of the request's items."""

    items: list[Outcome]
