"""The locales are changed while there is much content, and while people write."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from cms_service.core.postgres.transaction import Transaction
from cms_service.locales import repository, service
from cms_service.locales.repository import LocaleRepository
from tests.service.test_content_model import Editor
from tests.service.test_content_model import editor as editor  # noqa: PLC0414 - a fixture
from tests.service.world import expect, expect_problem

ENGLISH = {"default": "en", "locales": [{"code": "en"}]}


@pytest.fixture
def while_looking(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], None]:
    """What is given is done once, in the middle of the first look at all entries."""
    todo: list[Any] = []
    look = LocaleRepository.entries_with

    async def looked(
        self: LocaleRepository,
        transaction: Transaction,
        type_id: str,
        paths: Sequence[str],
        before: Callable[[], None],
    ) -> int:
        found = await look(self, transaction, type_id, paths, before)
        if todo:
            async with asyncio.timeout(5):
                await asyncio.create_task(todo.pop())
        return found

    monkeypatch.setattr(LocaleRepository, "entries_with", looked)
    return todo.append


async def test_editors_write_on_while_all_entries_are_looked_at(
    editor: Editor, while_looking: Callable[[Any], None]
) -> None:
    entry = await editor.make("page", title={"en": "Hello"}, slug="hello")
    while_looking(editor.replace("page", entry, title={"en": "Written"}, slug="hello"))
    expect(await editor.client.put(editor.locales, json=ENGLISH), 200)
    found = expect(await editor.client.get(f"{editor.entries('page')}/{entry}"), 200)
    assert found["fields"]["title"] == {"en": "Written"}


async def test_a_locale_in_which_somebody_writes_during_the_look_stays(
    editor: Editor, while_looking: Callable[[Any], None]
) -> None:
    while_looking(editor.make("page", title={"de": "x"}))
    problem = expect_problem(await editor.client.put(editor.locales, json=ENGLISH), 409)
    assert "1 entries of the type page have values in de" in problem["detail"]


async def test_a_locale_for_which_a_type_gets_a_field_during_the_look_stays(
    editor: Editor, while_looking: Callable[[Any], None]
) -> None:
    word = {"name": "word", "kind": "text", "localised": True}
    url = f"{editor.types}/page"
    fields = [*expect(await editor.client.get(url), 200)["fields"], word]

    async def add() -> None:
        body = {"displayName": "Page", "fields": fields}
        expect(await editor.client.put(url, json=body), 200)
        await editor.make("page", word={"de": "x"})

    while_looking(add())
    problem = expect_problem(await editor.client.put(editor.locales, json=ENGLISH), 409)
    assert "1 entries of the type page have values in de" in problem["detail"]


@pytest.mark.parametrize(("batch", "entries"), [(2, 5), (2, 4)])
async def test_entries_of_many_batches_are_all_looked_at(
    editor: Editor, monkeypatch: pytest.MonkeyPatch, batch: int, entries: int
) -> None:
    monkeypatch.setattr(repository, "BATCH", batch)
    for _ in range(entries):
        await editor.make("page", title={"de": "x"})
    problem = expect_problem(await editor.client.put(editor.locales, json=ENGLISH), 409)
    assert f"{entries} entries of the type page" in problem["detail"]


@pytest.mark.parametrize(
    ("place", "most"), [((repository, "MOST_NEW"), 2), ((service, "MAX_SECONDS"), 0.0)]
)
async def test_a_change_for_which_writers_would_wait_for_long_is_given_up(
    editor: Editor, monkeypatch: pytest.MonkeyPatch, place: tuple[Any, str], most: float
) -> None:
    monkeypatch.setattr(*place, most)
    for _ in range(3):
        await editor.make("page", title={"en": "x"})
    problem = expect_problem(await editor.client.put(editor.locales, json=ENGLISH), 409)
    assert "Try again when less is being written" in problem["detail"]
    codes = expect(await editor.client.get(editor.locales), 200)["locales"]
    assert len(codes) > 1
