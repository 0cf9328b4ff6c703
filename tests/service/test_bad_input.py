"""What is wrong is refused with a clear answer, and nothing is written."""

from collections.abc import AsyncIterator

import httpx
import pytest

from cms_service.core.endpoints.strict_route import MAX_BODY_BYTES
from tests.service.test_border_attempts import Furnished, Operation, described, here
from tests.service.world import ARTICLE, Desk, Pod, expect, expect_problem

__all__ = ["described", "here"]

JSON = {"Content-Type": "application/json"}
DEEP = b'{"fields":{"extra":' + b"[" * 5_000 + b"]" * 5_000 + b"}}"

BODIES = {
    "nothing": (b"", 422),
    "not JSON": (b"{", 400),
    "not UTF-8": (b'{"fields":{"title":"\xff"}}', 400),
    "a lone surrogate": (b'{"fields":{"title":"\\ud800"}}', 400),
    "NaN": (b'{"fields":{"views":NaN}}', 400),
    "an infinite number": (b'{"fields":{"views":1e999}}', 400),
    "a number with 5,000 digits": (b'{"fields":{"views":' + b"9" * 5_000 + b"}}", 400),
    "a number that JavaScript cannot hold": (b'{"fields":{"views":9007199254740993}}', 400),
    "deep nesting": (DEEP, 400),
    "33 levels": (b'{"fields":{"extra":' + b"[" * 31 + b"]" * 31 + b"}}", 400),
    "a NUL character": (b'{"fields":{"title":"a\\u0000b"}}', 400),
    "a NUL in a name": (b'{"fields":{"a\\u0000b":1}}', 400),
    "a name twice": (b'{"fields":{"title":"a","title":"b"}}', 400),
    "300,000 lists": (b'{"fields":{"extra":[' + b"[]," * 300_000 + b"[]]}}", 400),
    "an array": (b"[]", 422),
    "a text": (b'"fields"', 422),
    "an unknown member": (b'{"fields":{},"published":true}', 422),
    "an unknown field": (b'{"fields":{"nope":1}}', 422),
    "a wrong type": (b'{"fields":{"title":{"$ne":1}}}', 422),
    "true for a number": (b'{"fields":{"views":true}}', 422),
    "too long a text": (b'{"fields":{"title":"' + b"x" * 201 + b'"}}', 422),
    "too large a body": (b'{"fields":{"title":"' + b"x" * MAX_BODY_BYTES + b'"}}', 413),
}


@pytest.fixture
async def editor(acme: Desk) -> AsyncIterator[Desk]:
    """Whatever a test does here, no entry may come of it."""
    await acme.make_type()
    yield acme
    assert expect(await acme.client.get(acme.entries), 200)["items"] == []


@pytest.mark.parametrize("name", BODIES)
async def test_a_bad_body_is_refused(editor: Desk, name: str) -> None:
    body, status = BODIES[name]
    expect_problem(await editor.client.post(editor.entries, content=body, headers=JSON), status)


async def test_a_body_without_announced_length_is_bounded_as_well(editor: Desk) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += 65_536
            yield b" " * 65_536

    answer = await editor.client.post(editor.entries, content=endless(), headers=JSON)
    expect_problem(answer, 413)
    assert answer.headers["connection"] == "close"
    assert sent <= MAX_BODY_BYTES + 2 * 65_536


@pytest.mark.parametrize("media_type", ["text/plain", "application/x-www-form-urlencoded", ""])
async def test_only_json_is_taken(editor: Desk, media_type: str) -> None:
    answer = await editor.client.post(
        editor.entries, content=b'{"fields":{}}', headers={"Content-Type": media_type}
    )
    expect_problem(answer, 415)


async def test_a_request_that_takes_no_body_refuses_one(editor: Desk) -> None:
    expect_problem(await editor.client.request("DELETE", editor.entries, json={}), 405)
    url = f"{editor.root}/content-types/article"
    expect_problem(await editor.client.request("DELETE", url, json={}), 400)
    expect(await editor.client.get(url), 200)


@pytest.mark.parametrize(
    "query",
    ["?nope=1", "?limit=1&limit=2", "?limit=1&state=draft", "?%FF", "?slug=%00", "?a=1&" * 60],
)
async def test_unknown_doubled_or_unreadable_query_parameters_are_refused(
    editor: Desk, query: str
) -> None:
    expect_problem(await editor.client.get(editor.entries + query), 400)
    expect_problem(await editor.client.post(editor.entries + query, json={"fields": {}}), 400)


@pytest.mark.parametrize(
    ("query", "status"), [("?limit=0", 422), ("?limit=x", 422), ("?cursor=x", 400)]
)
async def test_wrong_values_of_query_parameters_are_refused(
    editor: Desk, query: str, status: int
) -> None:
    expect_problem(await editor.client.get(editor.entries + query), status)


@pytest.mark.parametrize(
    "path",
    [
        "/v1/tenants/ACME",
        "/v1/tenants/acme%00",
        "/v1/tenants/a%2F..%2Fglobex",
        "/v1/tenants/" + "a" * 300,
        "/v1/tenants/acme/content-types/article'%20OR%201=1--",
        "/v1/tenants/acme/content-types/article/entries/not-an-id",
        "/v1/tenants/acme/content-types/article/entries/%00",
        "/v1/tenants/acme/users/1;DROP TABLE users",
        "/v1/nothing",
        "/",
    ],
)
async def test_a_path_that_leads_nowhere_says_so(editor: Desk, path: str) -> None:
    answer = await editor.client.get(path)
    assert answer.status_code in {404, 422}, answer.text
    expect_problem(answer, answer.status_code)


@pytest.mark.parametrize("if_match", ["1", 'W/"1"', '"x"', "*", '"99999999999999999999"'])
async def test_a_version_that_cannot_be_read_is_not_taken_for_none(
    acme: Desk, if_match: str
) -> None:
    await acme.make_type()
    entry = await acme.draft(title="v1")
    url, header = f"{acme.entries}/{entry['id']}", {"If-Match": if_match}
    expect_problem(await acme.client.put(url, json={"fields": {}}, headers=header), 422)
    assert expect(await acme.client.get(url), 200)["version"] == 1


async def test_a_condition_that_nothing_is_compared_with_is_refused(
    here: Furnished, described: list[Operation]
) -> None:
    """Whoever sends it counts on no write being lost."""
    tried = 0
    for operation in described:
        if operation.method != "GET" and "if-match" not in operation.parameters:
            answer = await here.desk.client.request(
                operation.method,
                operation.url(here.names),
                json=operation.json,
                headers={"If-Match": '"1"'},
            )
            problem = expect_problem(answer, 400)
            assert problem["detail"] == "This request takes no If-Match.", operation
            tried += 1
    assert tried >= 20


FIELD = {"name": "title", "kind": "text"}
TYPES = {
    "a name with capitals": ARTICLE | {"name": "Article"},
    "a name of 64 characters": ARTICLE | {"name": "a" * 64},
    "no fields": ARTICLE | {"fields": []},
    "101 fields": ARTICLE | {"fields": [{"name": f"f{n}", "kind": "json"} for n in range(101)]},
    "a field twice": ARTICLE | {"fields": [FIELD, FIELD]},
    "two slugs": ARTICLE | {"fields": [{"name": n, "kind": "slug"} for n in ("a", "b")]},
    "an unknown kind": ARTICLE | {"fields": [{"name": "a", "kind": "sql"}]},
    "an unknown option": ARTICLE | {"fields": [FIELD | {"searchable": True}]},
    "another spelling of an option": ARTICLE | {"fields": [FIELD | {"max_length": 3}]},
    "bounds that nothing fits": ARTICLE | {"fields": [FIELD | {"minLength": 3, "maxLength": 2}]},
    "a pattern with look-ahead": ARTICLE | {"fields": [FIELD | {"pattern": "(?=a)b"}]},
    "a pattern that is not one": ARTICLE | {"fields": [FIELD | {"pattern": "("}]},
    "an enumeration of nothing": ARTICLE | {"fields": [{"name": "a", "kind": "enumeration"}]},
    "__proto__": ARTICLE | {"fields": [{"name": "__proto__", "kind": "json"}]},
}


@pytest.mark.parametrize("name", TYPES)
async def test_a_content_type_that_makes_no_sense_is_refused(acme: Desk, name: str) -> None:
    types = f"{acme.root}/content-types"
    expect_problem(await acme.client.post(types, json=TYPES[name]), 422)
    assert expect(await acme.client.get(types), 200)["items"] == []


@pytest.mark.parametrize(
    "change",
    [
        {"displayName": ""},
        {"displayName": "x" * 201},
        {"deliveryAccess": "open"},
        {"searchLanguage": "klingon"},
        {"name": "globex"},
    ],
)
async def test_a_change_of_a_tenant_that_makes_no_sense_is_refused(
    acme: Desk, change: dict[str, str]
) -> None:
    before = expect(await acme.client.get(acme.root), 200)
    expect_problem(await acme.client.patch(acme.root, json=change), 422)
    assert expect(await acme.client.get(acme.root), 200) == before


async def test_the_place_of_what_is_wrong_in_a_field_is_named(acme: Desk) -> None:
    body = ARTICLE | {"fields": [FIELD, FIELD | {"maxLength": 0}, {"kind": "text"}]}
    problem = expect_problem(await acme.client.post(f"{acme.root}/content-types", json=body), 422)
    pointers = [error["pointer"] for error in problem["errors"]]
    assert pointers == ["/fields/1/maxLength", "/fields/2/name"]


async def test_a_catastrophic_pattern_costs_nothing(acme: Desk) -> None:
    pattern = {"name": "title", "kind": "text", "maxLength": 100_000, "pattern": "^(a+)+$"}
    body = ARTICLE | {"fields": [pattern]}
    expect(await acme.client.post(f"{acme.root}/content-types", json=body), 201)
    fields = {"title": "a" * 50_000 + "!"}
    expect_problem(await acme.client.post(acme.entries, json={"fields": fields}), 422)


USERS: dict[str, dict[str, object]] = {
    "no address": {"email": "nobody", "password": "long enough now", "role": "viewer"},
    "a short password": {"email": "a@b.example", "password": "short", "role": "viewer"},
    "an enormous password": {"email": "a@b.example", "password": "x" * 300, "role": "viewer"},
    "an unknown role": {"email": "a@b.example", "password": "long enough now", "role": "root"},
    "an identifier": {
        "id": 1,
        "email": "a@b.example",
        "password": "long enough now",
        "role": "viewer",
    },
}


@pytest.mark.parametrize("name", USERS)
async def test_a_user_that_cannot_be_is_refused_and_no_password_comes_back(
    acme: Desk, name: str
) -> None:
    user = USERS[name]
    answer = await acme.client.post(f"{acme.root}/users", json=user)
    expect_problem(answer, 422)
    assert str(user["password"]) not in answer.text
    assert len(expect(await acme.client.get(f"{acme.root}/users"), 200)["items"]) == 1


async def test_an_address_is_taken_once_whatever_its_case(acme: Desk) -> None:
    user = {"email": "OWNER@ACME.example", "password": "long enough now", "role": "viewer"}
    expect_problem(await acme.client.post(f"{acme.root}/users", json=user), 409)


async def test_no_method_is_silently_something_else(pod: Pod, acme: Desk) -> None:
    answer: httpx.Response = await acme.client.request("TRACE", acme.root)
    expect_problem(answer, 405)
    async with pod.admin() as admin:
        assert (await admin.post("/metrics")).status_code == 405
