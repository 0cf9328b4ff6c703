"""Content types as files: what is read, what is refused and where, and in which order types are
made.
"""

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from cms_service.content_types.schemas import NewContentType
from cms_service.type_files.documents import (
    MAX_BYTES,
    Document,
    DocumentError,
    check_names,
    parse,
    write,
)
from cms_service.type_files.ordering import creations, unknown_types

ARTICLE = """\
# What the newsroom writes.
name: article
displayName: Article
fields:
  - name: title
    kind: text
    required: true
    maxLength: 200
  - {name: since, kind: date, default: 2026-01-31}
---
name: tag
displayName: Tag
fields:
  - name: title
    kind: text
"""


def test_a_file_holds_a_document_for_each_type() -> None:
    article, tag = parse("types.yaml", ARTICLE.encode())
    assert (article.name, article.line, tag.name, tag.line) == ("article", 2, "tag", 11)
    assert article.type.fields[1].default == "2026-01-31"  # type: ignore[union-attr]  # a date
    assert set(article.definition) == {"displayName", "fields"}


def test_the_example_in_the_documentation_is_one() -> None:
    page = (Path(__file__).parents[3] / "docs" / "content-types.md").read_text()
    example = page.partition("```yaml\n")[2].partition("```")[0]
    assert [one.name for one in parse("docs", example.encode())] == ["article", "author"]


LAUGHS = "a: &a [x, x]\nb: &b [*a, *a]\nname: x\n"
BROKEN = {
    "an option that is none": (ARTICLE.replace("maxLength", "maxLenght"), "8: fields.0.maxLenght:"),
    "a bound that is none": (ARTICLE.replace("200", "many"), "8: fields.0.maxLength:"),
    "a kind that is none": (ARTICLE.replace("kind: text", "kind: string", 1), "5: fields.0:"),
    "a default that does not fit": (
        ARTICLE.replace("2026-01-31", "tomorrow"),
        "9: fields.1: the default must be a day",
    ),
    "a member too many": (ARTICLE.replace("name: tag", "name: tag\nicon: x"), "12: icon:"),
    "a member missing": (ARTICLE.replace("displayName: Tag\n", ""), "11: displayName:"),
    "a key twice": (ARTICLE.replace("displayName: Tag", "name: label"), "12: name is given twice"),
    "no YAML": ("name: [", "1: "),
    "a tab": ("name: x\n\tfields: []", "2: "),
    "an alias": (LAUGHS, "1: anchors and aliases are not supported"),
    "a Python object": ("name: !!python/object:os.system x", "1: the tag"),
    "a number for a key": ("1: x", "1: a key must be a text"),
    "a list": ("- name: x", "1: a document is a mapping"),
    "a day that is none": ("name: 2026-99-99\n", "1: "),
    "deep nesting": ("name: " + "[" * 5_000, "1: nested deeper"),
    "a control character": ("name: x\ndisplayName: \x07", "2: "),
    "a NUL in a text": ('name: x\ndisplayName: "\\0"', "1: "),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_wrong_is_named_with_its_line(name: str) -> None:
    text, message = BROKEN[name]
    with pytest.raises(DocumentError) as refused:
        parse("types.yaml", text.encode())
    assert str(refused.value).startswith(f"types.yaml:{message}")


def test_bytes_that_are_no_text_and_files_that_are_too_large_are_refused() -> None:
    with pytest.raises(DocumentError, match=r"types\.yaml:2: is not UTF-8"):
        parse("types.yaml", b"name: x\n\xff")
    with pytest.raises(DocumentError, match="more than"):
        parse("types.yaml", b"#" * (MAX_BYTES + 1))


def test_a_type_is_in_one_file_only() -> None:
    twice = [*parse("a.yaml", ARTICLE.encode()), *parse("b.yaml", ARTICLE.encode())]
    with pytest.raises(DocumentError, match=r"b\.yaml:2: the type article is in a\.yaml:2 already"):
        check_names(twice)


def test_what_is_exported_is_read_again_as_the_same() -> None:
    types = [document.type for document in parse("types.yaml", ARTICLE.encode())]
    written = write(types)
    assert [document.type for document in parse("again.yaml", written.encode())] == types
    assert "minLength" not in written


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.dates()
TREES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
)


@given(TREES)
def test_no_yaml_can_do_more_than_be_refused(tree: Any) -> None:
    with pytest.raises(DocumentError):
        parse("types.yaml", (yaml.safe_dump({"fields": tree}) + "\n").encode())


@given(st.binary())
def test_no_bytes_can_do_more_than_be_refused(content: bytes) -> None:
    try:
        assert parse("types.yaml", content) == []
    except DocumentError as error:
        assert str(error).startswith("types.yaml:")  # noqa: PT017 - nothing at all is right too


def document(name: str, *targets: str) -> Document:
    """A type with a title and a reference to each of these."""
    fields: list[dict[str, Any]] = [{"name": "title", "kind": "text"}]
    fields += [{"name": f"to_{t}", "kind": "reference", "types": [t]} for t in targets]
    body = {"name": name, "displayName": name, "fields": fields}
    return Document("types.yaml", 1, NewContentType.model_validate(body), body)


@pytest.mark.parametrize(
    ("documents", "order"),
    [
        ([document("a", "b"), document("b", "c"), document("c")], [("c",), ("b",), ("a",)]),
        ([document("a", "a")], [("a",)]),
        ([document("a", "there")], [("a",)]),
        ([document("a", "b"), document("b", "a")], [("a", "to_b"), ("b",)]),
        (
            [document("a", "b", "c"), document("b", "a"), document("c", "b")],
            [("b", "to_a"), ("c",), ("a",)],
        ),
    ],
)
def test_types_are_made_in_the_order_of_their_references(
    documents: list[Document], order: list[tuple[str, ...]]
) -> None:
    found = [(one.document.name, *one.later) for one in creations(documents, {"there"})]
    assert found == order


def test_types_that_consist_of_references_to_one_another_cannot_be_ordered() -> None:
    bodies = [
        {"name": one, "displayName": one,
         "fields": [{"name": "to", "kind": "reference", "types": [other]}]}
        for one, other in (("a", "b"), ("b", "a"))
    ]  # fmt: skip
    documents = [
        Document("types.yaml", 1, NewContentType.model_validate(body), body) for body in bodies
    ]
    with pytest.raises(ValueError, match="give it another field first"):
        list(creations(documents, ()))


def test_a_reference_to_a_type_that_nobody_makes_is_named() -> None:
    assert list(unknown_types([document("a", "b", "there")], {"there"})) == [
        "types.yaml:1: a refers to b, which does not exist"
    ]
