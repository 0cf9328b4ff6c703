"""Definitions of types take no more of a pod's memory than one pod has for all tenants."""

from typing import Any

import pytest

from cms_service.content_types import sizes
from cms_service.core.postgres import bounded
from tests.service.test_people import hired, make_role
from tests.service.world import Desk, Pod, expect, expect_problem

LOCALES = {"default": "en", "locales": [{"code": "en"}, {"code": "de"}]}
TITLE = {"name": "title", "kind": "text", "localised": True}
NAMES = {f"type{number}" for number in range(5)}


def choice(number: int, values: int) -> dict[str, Any]:
    texts = [f"{value:03d}" + "v" * 97 for value in range(values)]
    return {"name": f"choice{number}", "kind": "enumeration", "values": texts}


def content_type(name: str, *fields: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "displayName": name.title(), "fields": list(fields)}


@pytest.fixture
async def desk(acme: Desk, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """Five types, of which two are more than is read at once."""
    monkeypatch.setattr(bounded, "MAX_BYTES", 3_000)
    expect(await acme.client.put(f"{acme.root}/locales", json=LOCALES), 200)
    for name in sorted(NAMES):
        body = content_type(name, TITLE, choice(0, 20))
        expect(await acme.client.post(f"{acme.root}/content-types", json=body), 201)
    return acme


async def test_a_definition_has_a_size(acme: Desk) -> None:
    types = f"{acme.root}/content-types"
    groups = [
        {"name": f"group{number}", "kind": "component", "fields": [choice(0, 3), TITLE]}
        for number in range(100)
    ]
    expect(await acme.client.post(types, json=content_type("wide", *groups)), 201)
    large = [choice(number, 200) for number in range(14)]
    answer = await acme.client.post(types, json=content_type("large", *large))
    (error,) = expect_problem(answer, 422)["errors"]
    assert error["pointer"] == "/fields"
    assert "of 262,144 at most" in error["detail"]
    less = content_type("large", *large[:12])
    expect(await acme.client.post(types, json=less), 201)
    body = {"displayName": "Large", "fields": large}
    expect_problem(await acme.client.put(f"{types}/large", json=body), 422)
    expect_problem(await acme.client.post(f"{types}/large/plan", json=body), 422)


async def test_a_type_that_is_too_large_from_before_stays_and_gets_no_larger(
    acme: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"{acme.root}/content-types"
    fields = [choice(number, 20) for number in range(5)]
    expect(await acme.client.post(url, json=content_type("large", *fields)), 201)
    monkeypatch.setattr(sizes, "MAX_BYTES", 1_000)
    more = {"displayName": "Large", "fields": [*fields, choice(5, 20)]}
    expect_problem(await acme.client.put(f"{url}/large", json=more), 422)
    for kept in (fields, fields[:4]):
        body = {"displayName": "Large", "fields": kept}
        expect(await acme.client.put(f"{url}/large", json=body), 200)


async def test_a_list_of_large_types_goes_on_in_shorter_pages(desk: Desk) -> None:
    found, cursor = [], ""
    pages = 0
    while cursor is not None:
        query = f"?limit=100{cursor and f'&cursor={cursor}'}"
        page = expect(await desk.client.get(f"{desk.root}/content-types{query}"), 200)
        found += [each["name"] for each in page["items"]]
        cursor = page["nextCursor"]
        pages += 1
    assert found == sorted(NAMES, reverse=True)
    assert pages > 1


async def test_a_search_looks_into_all_of_many_large_types(pod: Pod, desk: Desk) -> None:
    for name in NAMES:
        url = f"{desk.root}/content-types/{name}/entries"
        fields = {"title": {"en": f"word of {name}"}}
        expect(await desk.client.post(url, json={"fields": fields}), 201)
    hidden = {"permissions": ["entries:read"], "contentTypes": ["type2"], "deny": True}
    await make_role(desk, {"permissions": ["entries:read"]}, hidden)
    helper, _ = await hired(pod, desk, "helper")
    found = expect(await helper.client.get(f"{desk.root}/search?q=word"), 200)["items"]
    assert {each["entry"]["type"] for each in found} == NAMES - {"type2"}


async def test_a_change_of_locales_looks_into_all_of_many_large_types(desk: Desk) -> None:
    fields = {"title": {"de": "Wort"}}
    for name in NAMES:
        url = f"{desk.root}/content-types/{name}/entries"
        expect(await desk.client.post(url, json={"fields": fields}), 201)
    other = {"default": "en", "locales": [{"code": "en"}]}
    expect_problem(await desk.client.put(f"{desk.root}/locales", json=other), 409)
    german = LOCALES | {"default": "de"}
    expect(await desk.client.put(f"{desk.root}/locales", json=german), 200)
    problem = expect_problem(await desk.client.put(f"{desk.root}/locales", json=LOCALES), 409)
    assert len(problem["errors"]) == len(NAMES)


async def test_a_description_is_made_of_no_more_types_than_are_read_at_once(desk: Desk) -> None:
    url = f"{desk.root}/openapi.json"
    for query in ("", f"?types={','.join(sorted(NAMES))}"):
        (error,) = expect_problem(await desk.client.get(url + query), 422)["errors"]
        assert "too large together" in error["detail"]
    expect(await desk.client.get(f"{url}?types=type1"), 200)
