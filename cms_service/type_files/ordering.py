"""The order in which new types are made: a type may refer only to types that are there. Pure."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from cms_service.content_types.fields.walk import types_referred_to
from cms_service.type_files.documents import Document


@dataclass(frozen=True)
class Creation:
    """`later`: names of fields that refer to types that are made afterwards; they are added
    then.
    """

    document: Document
    later: tuple[str, ...] = ()


def creations(documents: Sequence[Document], existing: Collection[str]) -> Iterator[Creation]:
    """Raises ValueError where there is no such order."""
    there = set(existing)
    waiting = {document.name: document for document in documents}
    while waiting:
        document = _next(list(waiting.values()), there)
        there.add(document.name)
        del waiting[document.name]
        later = _missing_fields(document, there)
        if later and len(later) == len(document.type.fields):
            raise ValueError(
                f"{document.file}:{document.line}: all fields of {document.name} refer to types"
                " that refer back to it: give it another field first"
            )
        yield Creation(document, later)


def unknown_types(documents: Sequence[Document], existing: Collection[str]) -> Iterator[str]:
    """A sentence for each document that refers to types that are in no file and not there."""
    known = {*existing, *(document.name for document in documents)}
    for document in documents:
        if unknown := types_referred_to(document.type.fields) - known:
            yield (
                f"{document.file}:{document.line}: {document.name} refers to"
                f" {', '.join(sorted(unknown))}, which does not exist"
            )


def _next(waiting: Sequence[Document], there: Collection[str]) -> Document:
    """The one with the fewest fields that have to wait; in a circle one has some."""
    return min(
        waiting,
        key=lambda document: (
            len(_missing_fields(document, {*there, document.name})) / len(document.type.fields),
            document.name,
        ),
    )


def _missing_fields(document: Document, there: Collection[str]) -> tuple[str, ...]:
    return tuple(
        field.name for field in document.type.fields if not types_referred_to([field]) <= set(there)
    )
