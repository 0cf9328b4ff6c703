"""A plan as a person reads it. Pure."""

from collections.abc import Iterator

from cms_service.content_types.plans import FieldChange, Plan
from cms_service.type_files.documents import Document

_EXAMPLES = 3


def new_type(document: Document) -> str:
    count = len(document.type.fields)
    return f"+ {document.name}: new, {count} field{'' if count == 1 else 's'}"


def changed_type(document: Document, plan: Plan) -> str:
    return "\n".join(_lines(document, plan))


def _lines(document: Document, plan: Plan) -> Iterator[str]:
    yield f"~ {plan.type}: version {plan.version}, {plan.entries} entries"
    for change in plan.changes:
        yield from _change_lines(change)
    if not plan.changes:
        yield f"    displayName or the order of fields: {document.type.display_name}"
    if not plan.safe:
        what = (
            f"content of {plan.misfits} entries would be lost or broken"
            if plan.misfits
            else "fields would be taken from rules that name them"
        )
        yield f"  NOT SAFE: {what}; --acknowledge {plan.id}"


def _change_lines(change: FieldChange) -> Iterator[str]:
    details = f" ({'; '.join(change.details)})" if change.details else ""
    yield f"    {change.field}: {change.change}{details}"
    if change.advice:
        yield f"      {change.advice}"
    for misfit in change.examples[:_EXAMPLES]:
        yield f"        {misfit.entry_id}: {misfit.detail}"
