"""What a change of a type would do to its content, and what it is asked to do. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from uuid import UUID

import orjson

from cms_service.content_types.changes import Change, ChangeKind
from cms_service.content_types.schemas import ContentType, Definition
from cms_service.core.errors import Conflict, FieldError
from cms_service.core.validation.schemas import Schema

PLAN_ID_PATTERN = r"^[0-9a-f]{64}$"
# The end of a plan's id says for how many entries it is good.
_COUNT_DIGITS = 8
_MAX_EXAMPLES = 20
_MAX_DETAIL_LENGTH = 300


class Misfit(Schema):
    """An entry of which something would not fit any more."""

    entry_id: UUID
    published: bool
    detail: str


class FieldChange(Schema):
    """`misfits` counts entries; `examples` are the oldest of them."""

    field: str
    change: ChangeKind
    renamed_from: str | None
    details: list[str]
    misfits: int
    examples: list[Misfit]
    advice: str


class Plan(Schema):
    """`id` names the old and the new definition and what is lost. A plan that is not safe loses or
    breaks content of `misfits` entries, or takes fields from rules that name them, and is carried
    out only when it is acknowledged by its id. `missing_types`: what fields refer to and does not
    exist; they have to be made first.
    """

    id: str
    type: str
    version: int
    unchanged: bool
    safe: bool
    entries: int
    misfits: int
    missing_types: list[str]
    changes: list[FieldChange]


@dataclass(frozen=True)
class Others:
    """What is not of the type and matters to its change: `limited` says by the name that a field
    loses whose rules know it by that.
    """

    missing_types: Sequence[str] = ()
    limited: Mapping[str, Sequence[str]] = field(default_factory=dict)


@dataclass
class Tally:
    """Counts what does not fit."""

    entries: int = 0
    misfits: int = 0
    by_field: dict[str, list[Misfit]] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)

    def add(self, entry_id: UUID, draft: Mapping[str, str], public: Mapping[str, str]) -> None:
        names = draft.keys() | public.keys()
        self.misfits += bool(names)
        for name in names:
            self.counts[name] = self.counts.get(name, 0) + 1
            examples = self.by_field.setdefault(name, [])
            if len(examples) < _MAX_EXAMPLES:
                detail = (public.get(name) or draft[name])[:_MAX_DETAIL_LENGTH]
                examples.append(Misfit(entry_id=entry_id, published=name in public, detail=detail))


def plan_of(
    old: ContentType,
    definition: Definition,
    changes: Sequence[Change],
    tally: Tally,
    others: Others,
) -> Plan:
    return Plan(
        id=_plan_id(old, definition, tally, others),
        type=old.name,
        version=old.version,
        unchanged=_written(old) == _written(definition),
        safe=not tally.misfits and not others.limited,
        entries=tally.entries,
        misfits=tally.misfits,
        missing_types=list(others.missing_types),
        changes=[
            _field_change(change, tally, others.limited.get(change.gives_up or "", ()))
            for change in changes
        ],
    )


def _plan_id(old: ContentType, definition: Definition, tally: Tally, others: Others) -> str:
    """Good for a tenth more entries than do not fit now: people write while others decide."""
    sides = [[side.display_name, repr(side.fields)] for side in (old, definition)]
    named = [old.name, old.version, sides, sorted(others.limited.items())]
    digest = sha256(orjson.dumps(named)).hexdigest()[:-_COUNT_DIGITS]
    return f"{digest}{tally.misfits + tally.misfits // 10:0{_COUNT_DIGITS}x}"


def _is_same_change(plan: Plan, acknowledged: str) -> bool:
    return plan.id[:-_COUNT_DIGITS] == acknowledged[:-_COUNT_DIGITS]


def is_acknowledged(plan: Plan, acknowledged: str) -> bool:
    """Whether who has seen that plan knows what this one does."""
    return (
        _is_same_change(plan, acknowledged)
        and f"{plan.misfits:0{_COUNT_DIGITS}x}" <= acknowledged[-_COUNT_DIGITS:]
    )


def check_acknowledged(plan: Plan, acknowledged: str | None) -> None:
    """Raises Conflict."""
    if acknowledged is not None and not _is_same_change(plan, acknowledged):
        raise Conflict(
            "The acknowledged plan was made for other definitions, or for other rules that name"
            " the fields: ask for a new one."
        )
    if acknowledged is not None and not is_acknowledged(plan, acknowledged):
        raise Conflict(
            f"By now the change loses or breaks content of {plan.misfits} of {plan.entries}"
            " entries, more than the acknowledged plan said: ask for a new one."
        )
    if plan.safe or acknowledged is not None:
        return
    why = (
        f"The change loses or breaks content of {plan.misfits} of {plan.entries} entries."
        if plan.misfits
        else "The change takes fields from the rules that name them."
    )
    raise Conflict(
        f"{why} Ask for the plan, and to carry it out all the same repeat this with"
        f" acknowledge={plan.id}.",
        tuple(
            FieldError(f"/fields/{change.field}", f"is {change.change}: {change.advice}")
            for change in plan.changes
            if change.advice
        ),
    )


def _written(definition: ContentType | Definition) -> object:
    return [
        definition.display_name,
        [one.model_dump(mode="json", by_alias=True) for one in definition.fields],
    ]


def _field_change(change: Change, tally: Tally, limited: Sequence[str]) -> FieldChange:
    renamed = change.old and change.new and change.old.name != change.new.name
    return FieldChange(
        field=change.name,
        change=change.kind,
        renamed_from=change.old.name if renamed and change.old else None,
        details=list(change.details),
        misfits=tally.counts.get(change.name, 0),
        examples=tally.by_field.get(change.name, []),
        advice=" ".join(_advice(change, tally, limited)),
    )


def _advice(change: Change, tally: Tally, limited: Sequence[str]) -> Iterator[str]:
    if tally.counts.get(change.name):
        yield f"{tally.counts[change.name]} entries do not fit. {_advice_for_content(change)}"
    if limited:
        named = ", ".join(limited[:_MAX_EXAMPLES])
        more = " and others" if len(limited) > _MAX_EXAMPLES else ""
        yield (
            f"The rules of {named}{more} name {change.gives_up}: change them too, or what they say"
            " of it holds no more."
        )


def _advice_for_content(change: Change) -> str:
    if change.kind is ChangeKind.REMOVED:
        return "Its values are deleted: rename the field to keep them."
    if change.kind is ChangeKind.ADDED:
        return "Give it a default: without one what is published lacks it until it is filled in."
    return "Change these entries first: what does not fit is removed from them."
