"""What an entry was before its type changed is for nobody who may not read it today."""

from typing import Any

import pytest

from tests.service.test_people import hired, make_role
from tests.service.test_type_changes import SLUG, TITLE, VIEWS, Architect
from tests.service.world import Desk, Pod, expect, expect_problem

EDIT = {"permissions": ["entries:read", "entries:create", "entries:update"]}


def hidden(*names: str, of: str = "fields") -> dict[str, Any]:
    return {"permissions": ["entries:read", "entries:update"], of: list(names), "deny": True}


@pytest.fixture
async def architect(acme: Desk) -> Architect:
    await acme.make_type()
    return Architect(acme)


async def helper_of(pod: Pod, owner: Desk, *rules: dict[str, Any]) -> Desk:
    await make_role(owner, *rules)
    return (await hired(pod, owner, "helper"))[0]


async def test_a_restore_over_a_rename_takes_no_field_from_the_draft(
    pod: Pod, acme: Desk, architect: Architect
) -> None:
    entry = await acme.draft(title="First", slug="a", views=41)
    await architect.change(TITLE, SLUG, {**VIEWS, "name": "reads", "renamedFrom": "views"})
    helper = await helper_of(pod, acme, EDIT, hidden("price"))
    url = f"{acme.entries}/{entry['id']}"
    problem = expect_problem(await helper.client.post(f"{url}/versions/1/restore"), 403)
    assert "may not see all that this version holds" in problem["detail"]
    assert "views" not in str(problem)
    owners = expect_problem(await acme.client.post(f"{url}/versions/1/restore"), 422)
    assert owners["errors"] == [{"pointer": "/fields/views", "detail": "no such field"}]
    kept = expect(await acme.client.get(url), 200)["fields"]
    assert kept == {"title": "First", "slug": "a", "reads": 41}


@pytest.mark.usefixtures("architect")
async def test_a_restore_leaves_nothing_that_the_version_had_not_without_a_word(
    pod: Pod, acme: Desk
) -> None:
    entry = await acme.draft(title="First")
    url = f"{acme.entries}/{entry['id']}"
    body = {"fields": {"title": "Second", "views": 7}}
    expect(await acme.client.put(url, json=body), 200)
    only_read = {"permissions": ["entries:update"], "fields": ["views"], "deny": True}
    helper = await helper_of(pod, acme, EDIT, only_read)
    problem = expect_problem(await helper.client.post(f"{url}/versions/1/restore"), 403)
    assert [error["pointer"] for error in problem["errors"]] == ["/fields/views"]
    assert expect(await acme.client.get(url), 200)["fields"] == body["fields"]
