"""Patterns of tenants: what they may cost."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID

import pytest
from pydantic import ValidationError

from cms_service.content_types.fields import Completeness, Context, accept_all, patterns
from cms_service.content_types.moving import Mover
from cms_service.content_types.schemas import ContentType, Definition
from cms_service.locales.schemas import ENGLISH

CONTEXT = Context(Completeness.DRAFT, ENGLISH)
CATASTROPHIC = "([ab]{1,100}c?){40}d"
# Each some 2 MB when it is compiled.
LARGE = r"[\p{L}\p{N}]{0,39}"


def definition(*each: Mapping[str, object]) -> Definition:
    fields = [{"name": f"f{n}", "kind": "text", **one} for n, one in enumerate(each)]
    return Definition.model_validate({"displayName": "X", "fields": fields})


@pytest.mark.parametrize(
    ("pattern", "parts"),
    [
        ("abc", 3),
        ("^a+$", 3),
        ("a{3}", 3),
        ("a{2,5}", 5),
        ("a{2,}", 2),
        ("a{0}", 1),
        ("(ab{3}){4}", 4 * (1 + 1 + 3)),
        ("((a{30}){30}){10}", 10 * (30 * (30 + 1) + 1)),
        ("(?:ab){3}", 9),
        ("(?P<name>a{3})", 4),
        ("(?i)ab", 3),
        ("[a-z]{3}[^x]", 4),
        ("[]a]{3}", 3),
        ("[^]a]{3}", 3),
        ("[[:alpha:]_]{3}", 3),
        (r"\{3\}", 3),
        (r"\x{41}{5}", 5),
        (r"\p{L}{5}", 5),
        (r"[\]a]{5}", 5),
    ],
)
def test_the_size_of_a_pattern(pattern: str, parts: int) -> None:
    assert patterns._parts(pattern) == parts + 1  # noqa: SLF001 - what all bounds are made of


@pytest.mark.parametrize("flags", ["(?x)", "(?sx:a)", "(?i-x)"])
def test_no_size_is_hidden_by_what_is_ignored(flags: str) -> None:
    with pytest.raises(ValidationError, match="flag x"):
        definition({"pattern": f"{flags}([ab]{{1,100}}c?) {{40}}d"})
    definition({"pattern": r"^\(?x-ray\)?$"})
    definition({"pattern": "(?P<x>a)"})


@pytest.mark.parametrize(
    "pattern", ["", "(", ")", "[", "{", "a{", "\\", "[\\", "(((", "[[", "{9}", "(?"]
)
def test_the_size_of_what_is_no_pattern_is_some_number(pattern: str) -> None:
    assert patterns._parts(pattern) >= 1  # noqa: SLF001 - as above


@dataclass
class Engine:
    """What it was asked to do, in the place of the real one."""

    compiled: list[str] = field(default_factory=list)
    steps: int = 0

    def compile(self, pattern: str) -> "Engine.Pattern":
        self.compiled.append(pattern)
        return Engine.Pattern(self, pattern)

    @dataclass
    class Pattern:
        engine: "Engine"
        text: str

        def validate_python(self, text: str) -> None:
            self.engine.steps += patterns._parts(self.text) * len(text)  # noqa: SLF001 - as above


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Engine:
    engine = Engine()
    monkeypatch.setattr(patterns, "_compiled", engine.compile)
    return engine


@pytest.mark.parametrize("length", [100_000, 1_000, 10])
def test_an_entry_costs_a_bounded_number_of_steps_however_it_is_cut(
    engine: Engine, length: int
) -> None:
    """One long text with this pattern would hold up all requests for twelve seconds."""
    one = {"pattern": CATASTROPHIC, "maxLength": 100_000}
    item = {"name": "items", "kind": "components", "fields": [{"name": "a", "kind": "text", **one}]}
    fields = definition(one, one, item).fields
    values = {"f0": "a" * length, "f1": "a" * length, "items": [{"a": "a" * length}] * 200}
    accepted, errors = accept_all(fields, values, CONTEXT)
    assert engine.steps <= patterns.STEPS_OF_AN_ENTRY
    assert bool(errors) is (length > 10)
    assert all("takes too long" in error.detail for error in errors)
    assert ("f0" in accepted) is (length <= 1_000)


def test_a_change_of_a_type_costs_as_much_an_entry_at_most(engine: Engine) -> None:
    """Published values are looked at twice: whether they fit, and whether they are complete."""
    bare, patterned = (definition({"maxLength": 100_000, **one}, {"pattern": "x", **one}).fields
                       for one in ({}, {"pattern": CATASTROPHIC}))  # fmt: skip
    mover = Mover(bare, patterned, ENGLISH)
    values = {"f0": "a" * 100_000, "f1": "b" * 100_000}
    for completeness in Completeness:
        before = engine.steps
        moved = mover.move(values, completeness, {})
        assert engine.steps - before <= 2 * patterns.STEPS_OF_AN_ENTRY
        assert "takes too long" in moved.misfits["f0"]


def test_what_is_stored_is_read_without_its_patterns(engine: Engine) -> None:
    field = {"name": "a", "kind": "text", "pattern": "x", "default": "x"}
    stored = ContentType.model_validate(
        {
            "id": UUID(int=1),
            "name": "article",
            "displayName": "Article",
            "fields": [field, {"name": "c", "kind": "component", "fields": [field]}],
            "version": 1,
            "createdAt": "2026-01-01T00:00:00Z",
            "updatedAt": "2026-01-01T00:00:00Z",
            "locales": ENGLISH,
        }
    )
    assert engine.compiled == []
    accept_all(stored.fields, {"a": "x"}, CONTEXT)
    assert engine.compiled == ["x"]


def test_each_pattern_is_compiled_once_an_entry_however_many_take_turns(engine: Engine) -> None:
    inner = [{"name": f"f{n}", "kind": "text", "pattern": f"a{n}"} for n in range(50)]
    groups = [{"name": f"g{n}", "kind": "component", "fields": inner} for n in range(2)]
    items = {"name": "items", "kind": "components", "fields": groups}
    fields = Definition.model_validate({"displayName": "X", "fields": [items]}).fields
    engine.compiled.clear()
    group = {f"f{n}": f"a{n}" for n in range(50)}
    accept_all(fields, {"items": [{"g0": group, "g1": group}] * 20}, CONTEXT)
    assert sorted(engine.compiled) == sorted(f"a{n}" for n in range(50))


def test_what_people_write_is_far_from_the_bound() -> None:
    iban = {"pattern": "^[A-Z]{2}[0-9]{2}[A-Z0-9]{4}[0-9]{7}([A-Z0-9]?){0,16}$"}
    name = {"pattern": r"^\p{L}[\p{L} .-]{0,30}$"}
    prose = {"pattern": "^[^<>]*$", "maxLength": 100_000}
    fields = definition(*[iban] * 20, *[name] * 2, *[prose] * 10).fields
    values = {f"f{n}": "DE89370400440532013000" for n in range(20)}
    values |= {f"f{n}": "Žofie Ångström" for n in (20, 21)}
    values |= {f"f{n}": "x" * 100_000 for n in range(22, 32)}
    assert accept_all(fields, values, CONTEXT) == (values, ())


def test_patterns_that_are_too_large_are_refused_before_they_are_compiled(engine: Engine) -> None:
    with pytest.raises(ValidationError) as refused:
        definition(*({"pattern": f"{LARGE}{n}"} for n in range(100)))
    assert len(engine.compiled) == 5
    errors = refused.value.errors()
    assert len(errors) == 95
    assert "pattern is too large" in errors[0]["msg"]
    engine.compiled.clear()
    with pytest.raises(ValidationError, match="pattern is too large"):
        definition({"pattern": "(((a{30}){30}){30}){3}"})
    assert engine.compiled == []


@pytest.mark.parametrize(
    ("part", "weight"),
    [
        ("a", 1),
        ("[a-z]", 1),
        ("é", 25),
        (".", 25),
        ("[^a]", 25),
        (r"\s", 25),
        (r"\d", 150),
        (r"[\da]", 150),
        (r"\w", 1_000),
        (r"\p{L}", 1_000),
        (r"\b", 1_000),
    ],
)
def test_a_part_may_be_repeated_as_often_as_its_memory_allows(
    engine: Engine, part: str, weight: int
) -> None:
    most = 40_000 // weight - 1
    definition({"pattern": f"{part}{{{most}}}"})
    with pytest.raises(ValidationError, match="pattern is too large"):
        definition({"pattern": f"{part}{{{most + 2}}}"})
    assert len(engine.compiled) == 1


def test_a_default_is_compared_in_bounded_time() -> None:
    with pytest.raises(ValidationError, match="takes too long"):
        definition({"pattern": CATASTROPHIC, "default": "a" * 1_000})
