"""What a change of a type means, and what becomes of values."""

import asyncio
from itertools import count, pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from cms_service.content_types import moving
from cms_service.content_types.change_run import Pace
from cms_service.content_types.changes import ChangeKind, compare, differences
from cms_service.content_types.fields import BaseField, Completeness, Context, Fields
from cms_service.content_types.fields.base import accept_members
from cms_service.content_types.moving import Moved, Mover
from cms_service.content_types.plans import Others, Plan, Tally, is_acknowledged, plan_of
from cms_service.content_types.schemas import ContentType, Definition
from cms_service.core.errors import Conflict
from cms_service.locales.schemas import Locale, Locales

FIELDS: TypeAdapter[tuple[BaseField, ...]] = TypeAdapter(Fields)
LOCALES = Locales(default="en", locales=(Locale(code="en"), Locale(code="de")))
DRAFT = Context(Completeness.DRAFT, LOCALES)
ADA, TAG = "0190a000-0000-7000-8000-000000000001", "0190a000-0000-7000-8000-000000000002"
TYPES = {ADA: "author", TAG: "tag"}


def fields(*given_fields: dict[str, Any]) -> tuple[BaseField, ...]:
    return FIELDS.validate_python(given_fields)


def one(kind: str = "text", **options: Any) -> dict[str, Any]:
    return {"name": "a", "kind": kind, **options}


def group(*inner: dict[str, Any], kind: str = "component", **options: Any) -> dict[str, Any]:
    return one(kind, fields=list(inner), **options)


KINDS_OF_CHANGES = [
    ([one()], [one()], {}),
    ([one(), one("json", name="b")], [one("json", name="b"), one()], {}),
    ([one()], [one(), one(name="b")], {"b": "added"}),
    ([one(), one(name="b")], [one()], {"b": "removed"}),
    ([one()], [one(name="b", renamedFrom="a")], {"b": "renamed"}),
    ([one()], [one(name="b")], {"b": "added", "a": "removed"}),
    ([one(name="b")], [one(name="b", renamedFrom="a")], {}),
    ([one()], [one(name="b", renamedFrom="a", maxLength=5)], {"b": "narrowed"}),
    ([one(maxLength=5)], [one(maxLength=6)], {"a": "widened"}),
    ([one(maxLength=5)], [one(maxLength=4)], {"a": "narrowed"}),
    ([one(minLength=5)], [one(minLength=4)], {"a": "widened"}),
    ([one(minLength=5, maxLength=6)], [one(minLength=4, maxLength=5)], {"a": "narrowed"}),
    ([one(required=True)], [one()], {"a": "widened"}),
    ([one()], [one(required=True)], {"a": "narrowed"}),
    ([one()], [one(unique=True)], {"a": "narrowed"}),
    ([one(pattern="x")], [one()], {"a": "widened"}),
    ([one(pattern="x")], [one(pattern="y")], {"a": "narrowed"}),
    ([one()], [one(default="x")], {"a": "widened"}),
    ([one()], [one(localised=True)], {"a": "converted"}),
    ([one()], [one("number")], {"a": "converted"}),
    ([one("date", minimum="2026-01-01")], [one("date")], {"a": "widened"}),
    ([one("date")], [one("date", minimum="2026-01-01")], {"a": "narrowed"}),
    (
        [one("datetime", maximum="2026-01-01T00:00:00Z")],
        [one("datetime", maximum="2026-01-01T00:00:00+14:00")],
        {"a": "narrowed"},
    ),
    ([one("enumeration", values=["x"])], [one("enumeration", values=["y", "x"])], {"a": "widened"}),
    ([one("enumeration", values=["x", "y"])], [one("enumeration", values=["y"])],
     {"a": "narrowed"}),
    ([one("reference", types=["x"])], [one("reference", types=["x", "y"])], {"a": "widened"}),
    ([one("reference", types=["x"])], [one("reference", types=["y"])], {"a": "narrowed"}),
    ([group(one())], [group(one(), one(name="b"))], {"a": "widened"}),
    ([group(one())], [group(one(), one(name="b", required=True))], {"a": "narrowed"}),
    ([group(one(), one(name="b"))], [group(one())], {"a": "narrowed"}),
    ([group(one())], [group(one(name="b", renamedFrom="a"))], {"a": "renamed"}),
    ([group(one())], [group(one("number"))], {"a": "converted"}),
    ([group(group(one()))], [group(group(one(maxLength=3)))], {"a": "narrowed"}),
    ([group(one())], [group(one(), kind="components")], {"a": "converted"}),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "kinds"), KINDS_OF_CHANGES)
def test_each_change_is_named_for_what_it_does(
    old: list[Any], new: list[Any], kinds: dict[str, str]
) -> None:
    found = compare(fields(*old), fields(*new))
    assert {change.name: str(change.kind) for change in found} == kinds


def move(
    old: list[Any], new: list[Any], values: dict[str, Any], completeness: Completeness
) -> Moved:
    return Mover(fields(*old), fields(*new), LOCALES).move(values, completeness, TYPES)


def doc(*content: dict[str, Any], block: str = "paragraph", **options: Any) -> dict[str, Any]:
    return {"type": "doc", "content": [{"type": block, "content": list(content), **options}]}


def words(text: str, *marks: dict[str, Any]) -> dict[str, Any]:
    return {"type": "text", "text": text, **({"marks": list(marks)} if marks else {})}


DOC = doc(words("x"))
LINES = {"type": "doc", "content": [
    *doc(words("x"), {"type": "hardBreak"}, words("y"))["content"],
    {"type": "paragraph"},
    *doc(words("z"))["content"],
]}  # fmt: skip
HEADING = doc(words("x"), block="heading", attrs={"level": 1})
LINK = doc(words("x", {"type": "link", "attrs": {"href": "/more"}}))
KEPT: list[tuple[Any, Any, Any, Any]] = [
    (one(), one(maxLength=3), "abc", "abc"),
    (one(), one(localised=True), "x", {"en": "x"}),
    (one(localised=True), one(), {"en": "x"}, "x"),
    (one("number"), one(), 1.5, "1.5"),
    (one("boolean"), one(), True, "true"),
    (one(), one("number"), " 12 ", 12),
    (one(), one("boolean"), "TRUE", True),
    (one(), one("enumeration", values=["x"]), "x", "x"),
    (one("date"), one("datetime"), "2026-01-31", "2026-01-31T00:00:00Z"),
    (one("datetime"), one("date"), "2026-01-31T00:00:00Z", "2026-01-31"),
    (one("email"), one(), "a@b.example", "a@b.example"),
    (one(), one("richtext"), "x", DOC),
    (one("richtext", localised=True), one(localised=True), {"de": DOC}, {"de": "x"}),
    (one("richtext"), one(), LINES, "x\ny\nz"),
    (one(localised=True), one("json"), {"de": "x"}, {"de": "x"}),
    (one("slug"), one(), "x-y", "x-y"),
    (one(), one("slug"), "x-y", "x-y"),
    (one("reference", types=["author"]), one("references", types=["author"]), ADA, [ADA]),
    (one("references", types=["author"]), one("reference", types=["author"]), [ADA], ADA),
    (group(one()), group(one(), kind="components"), {"a": "x"}, [{"a": "x"}]),
    (group(one(), kind="components"), group(one()), [{"a": "x"}], {"a": "x"}),
    (group(one()), group(one(name="b", renamedFrom="a")), {"a": "x"}, {"b": "x"}),
    (
        group(one()),
        group(one(), one(name="b", required=True, default="d")),
        {"a": "x"},
        {"a": "x", "b": "d"},
    ),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "value", "expected"), KEPT)
def test_a_value_that_fits_goes_on(old: Any, new: Any, value: Any, expected: Any) -> None:
    for completeness in Completeness:
        moved = move([old], [new], {"a": value}, completeness)
        assert (moved.values, moved.misfits) == ({"a": expected}, {})


LOST: list[tuple[Any, Any, Any, Any, str]] = [
    (one(), one(maxLength=3), "abcd", None, "must have 0 to 3 characters"),
    (one(), one("number"), "twelve", None, "must be a number"),
    (one(), one("number"), "1e-300", None, "not 0 and closer to it"),
    (one("number"), one("boolean"), 1, None, "must be true or false"),
    (one(localised=True), one(), {"de": "x"}, None, "has no value in the locale en"),
    (one(localised=True), one(), {"en": "x", "de": "y"}, "x", "has translations"),
    (one("datetime"), one("date"), "2026-01-31T12:00:00Z", "2026-01-31", "has a time of day"),
    (one("richtext"), one(), HEADING, "x", "has formatting, which would be lost"),
    (one("richtext"), one(), LINK, "x", "has formatting"),
    (
        one("datetime", localised=True),
        one("date"),
        {"en": "2026-01-31T00:00:00Z", "de": "2026-01-31T12:00:00Z"},
        "2026-01-31",
        "has a time of day and translations",
    ),
    (one(), one("reference", types=["tag"]), TAG, None, "cannot become"),
    (one("reference", types=["author"]), one("reference", types=["tag"]), ADA, None, "no tag"),
    (
        one("references", types=["author", "tag"]),
        one("references", types=["tag"]),
        [ADA, TAG],
        [TAG],
        "no tag",
    ),
    (
        one("references", types=["tag"], uniqueItems=False),
        one("reference", types=["tag"]),
        [TAG, TAG],
        None,
        "has 2 items",
    ),
    (group(one(), one(name="b")), group(one()), {"a": "x", "b": "y"}, {"a": "x"}, "b has a value"),
    (group(one(), kind="components"), group(one()), [{}, {}], None, "has 2 items"),
    (group(one()), group(one("number")), {"a": "x"}, {}, "must be a number"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "value", "expected", "detail"), LOST)
def test_what_does_not_fit_is_told_and_taken_away(
    old: Any, new: Any, value: Any, expected: Any, detail: str
) -> None:
    moved = move([old], [new], {"a": value}, Completeness.DRAFT)
    assert moved.values == ({} if expected is None else {"a": expected})
    assert detail in moved.misfits["a"]


@pytest.mark.parametrize(
    ("old", "new", "value"),
    [
        (one("references", types=["tag"]), one("reference", types=["tag"]), []),
        (group(one(), kind="components"), group(one()), []),
        (one("references", types=["tag"]), one(), []),
        (one(localised=True), one(), {}),
        (group(one()), one(name="b"), {}),
    ],
)
def test_nothing_is_told_of_a_value_that_holds_nothing(old: Any, new: Any, value: Any) -> None:
    assert move([old], [new], {"a": value}, Completeness.DRAFT) == Moved({}, {})


def test_a_removed_value_is_told() -> None:
    moved = move([one()], [], {"a": "x"}, Completeness.DRAFT)
    assert (moved.values, moved.misfits) == ({}, {"a": "a has a value, which would be lost"})


@pytest.mark.parametrize(
    ("new", "values", "misfits"),
    [
        (one(required=True), {}, {"a": "is published, and is required"}),
        (one(required=True), {"a": "x"}, {}),
        (one(required=True, default="d"), {}, {}),
    ],
)
def test_what_is_published_must_be_complete(
    new: dict[str, Any], values: dict[str, str], misfits: dict[str, str]
) -> None:
    assert move([one()], [new], values, Completeness.PUBLISHED).misfits == misfits
    assert move([one()], [new], values, Completeness.DRAFT).misfits == {}


@pytest.mark.parametrize(
    ("old", "new", "values"),
    [
        (one(required=True), one(name="b", required=True, renamedFrom="a"), {}),
        (one(required=True), one(required=True, maxLength=3), {}),
        (
            group(one(required=True)),
            group(one(required=True), one(name="b")),
            {"a": {}},
        ),
    ],
)
def test_a_change_is_not_told_of_what_was_incomplete_in_public_before(
    old: dict[str, Any], new: dict[str, Any], values: dict[str, Any]
) -> None:
    moved = move([old], [new], values, Completeness.PUBLISHED)
    assert (moved.values, moved.misfits) == (values, {})


def test_of_several_entries_with_one_value_the_oldest_keeps_it() -> None:
    mover = Mover(fields(one(localised=True)), fields(one(localised=True, unique=True)), LOCALES)
    entries: list[dict[str, Any]] = [
        {"a": {"en": "x", "de": "x"}},
        {"a": {"en": "x", "de": "y"}},
        {"a": {"de": "y"}},
    ]
    moved = [mover.move(values, Completeness.DRAFT, {}) for values in entries]
    assert [one.values for one in moved] == [entries[0], {"a": {"de": "y"}}, {}]
    assert [bool(one.misfits) for one in moved] == [False, True, True]
    assert mover.move(entries[0], Completeness.PUBLISHED, {}).misfits == {}


ALL_FIELDS = [row[0] for row in KEPT + [row[:4] for row in LOST]] + [
    row[1] for row in KEPT + [row[:4] for row in LOST]
]
VALUES = [row[2] for row in KEPT + [row[:4] for row in LOST]]


@given(st.sampled_from(ALL_FIELDS), st.sampled_from(ALL_FIELDS), st.sampled_from(VALUES))
def test_whatever_is_moved_is_accepted_by_the_new_type(old: Any, new: Any, value: Any) -> None:
    accepted, errors = accept_members(fields(old), {"a": value}, DRAFT)
    if errors:
        return
    moved = move([old], [new], accepted, Completeness.DRAFT)
    assert accept_members(fields(new), moved.values, DRAFT) == (moved.values, [])
    assert moved.values or moved.misfits, "what is lost is told"


async def test_other_requests_go_on_while_many_entries_are_looked_at() -> None:
    seconds = count(step=0.001)
    pace = Pace(lambda: next(seconds), deadline=1.0)
    entries = 0
    served: list[int] = []

    async def look_at_all() -> None:
        nonlocal entries
        while True:
            await pace.next()
            entries += 1

    async def serve() -> None:
        while True:
            served.append(entries)
            await asyncio.sleep(0)

    others = asyncio.create_task(serve())
    with pytest.raises(Conflict, match="more entries than"):
        await look_at_all()
    others.cancel()
    assert entries > 100
    assert max(after - before for before, after in pairwise(served)) <= 10


def test_a_field_cannot_be_renamed_from_one_that_stays() -> None:
    both = [one(), one(name="b", renamedFrom="a")]
    with pytest.raises(ValidationError, match="which stays"):
        Definition.model_validate({"displayName": "A", "fields": both})
    assert compare(fields(one()), fields(one(name="b", renamedFrom="a")))[0].kind is (
        ChangeKind.RENAMED
    )


def plan(misfits: int, *holders: str) -> Plan:
    """A plan that takes a field away, which the rules of the holders name."""
    old = ContentType.model_validate(
        {
            "id": ADA,
            "name": "article",
            "displayName": "A",
            "fields": [one(), one(name="b")],
            "version": 1,
            "createdAt": "2026-01-31T12:00:00Z",
            "updatedAt": "2026-01-31T12:00:00Z",
            "locales": LOCALES.model_dump(),
        }
    )
    new = Definition.model_validate({"displayName": "A", "fields": [one()]})
    limited = {"b": holders} if holders else {}
    changes = compare(old.fields, new.fields)
    return plan_of(old, new, changes, Tally(misfits, misfits), Others(limited=limited))


@pytest.mark.parametrize(
    ("seen", "now"),
    [
        (plan(1), plan(1)),
        (plan(5), plan(2)),
        (plan(10_000), plan(11_000)),
        (plan(1, "the role a"), plan(1, "the role a")),
    ],
)
def test_a_plan_is_acknowledged_for_what_was_seen_and_a_tenth_more(seen: Plan, now: Plan) -> None:
    assert is_acknowledged(now, seen.id)


@pytest.mark.parametrize(
    ("seen", "now"),
    [
        (plan(1), plan(2)),
        (plan(9), plan(10)),
        (plan(10_000), plan(11_001)),
        (plan(1), plan(1, "the role a")),
        (plan(1, "the role a"), plan(1, "the role a", "the role b")),
    ],
)
def test_a_plan_is_not_acknowledged_for_more(seen: Plan, now: Plan) -> None:
    assert not is_acknowledged(now, seen.id)


def test_definitions_are_compared_once_and_not_for_each_value(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One entry may have forty thousand, and nobody else is answered while it is looked at."""
    compared: list[str] = []

    def counting(old: BaseField, new: BaseField) -> list[tuple[ChangeKind, str]]:
        compared.append(new.name)
        return differences(old, new)

    monkeypatch.setattr(moving, "differences", counting)
    before, after = (
        fields(group(one("text", name="b", maxLength=most), kind="components")) for most in (9, 8)
    )
    mover = Mover(before, after, LOCALES)
    for _ in range(3):
        items = [{"b": "x"} for _ in range(50)]
        assert mover.move({"a": items}, Completeness.DRAFT, {}) == Moved({"a": items}, {})
    assert sorted(compared) == ["a", "b"]
