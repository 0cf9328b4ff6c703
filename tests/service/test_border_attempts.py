"""Attempts to cross the border between tenants, made from the API's own description: every route
and every parameter, with what is really there in the other tenant. Beside each attempt stands the
same one with what is nowhere: the two answers are the same.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import asyncpg
import httpx
import pytest

from tests.service.test_api_keys import holder, make_key
from tests.service.test_hosts import make_host
from tests.service.test_people import make_role
from tests.service.world import ARTICLE, PASSWORD, Desk, Pod, Site, expect

# In all that the other tenant has, to be found in no answer.
MARK = "xyzzy"
NOWHERE = "no-such-thing"

# They ask for no credentials: they are tried by themselves.
OPEN_ROUTES = ("/auth/login", "/auth/refresh", "/auth/logout")

# One that is good for each body that the API describes: a new route has to bring its own.
BODIES: dict[str, dict[str, Any]] = {
    "PasswordChange": {"currentPassword": PASSWORD, "newPassword": f"another {PASSWORD}"},
    "TenantChange": {"displayName": "Taken"},
    "NewUser": {"email": "new@acme.example", "password": PASSWORD, "role": "viewer"},
    "UserChange": {"active": False},
    "NewRole": {"name": "taken", "displayName": "Taken", "rules": []},
    "RoleDefinition": {"displayName": "Taken", "rules": []},
    "NewApiKey": {"name": "taken"},
    "NewHost": {"host": "taken.example"},
    "NewContentType": ARTICLE | {"name": "taken"},
    "Definition": {"displayName": "Taken", "fields": ARTICLE["fields"]},
    "EntryContent": {"fields": {}},
    "NewEntries": {"items": [{"fields": {}}]},
    "EntryChanges": {"items": [{"id": str(uuid4()), "fields": {}}]},
    "Selection": {"items": [{"id": str(uuid4())}]},
    "Deletion": {"items": [{"id": str(uuid4())}]},
    "NewSchedule": {"publishAt": "2999-01-01T00:00:00Z"},
    "Locales": {"default": "en", "locales": [{"code": "en"}]},
}
# The same for each parameter of a query that cannot be left out.
QUERIES = {"from": "1", "to": "1", "q": "word"}

# What names nothing that a tenant has.
COUNTED = {"version"}


@dataclass(frozen=True)
class Operation:
    method: str
    path: str
    body: str | None
    parameters: frozenset[str]
    """In the path and in the query."""

    def url(self, names: dict[str, str]) -> str:
        query = {name: QUERIES[name] for name in sorted(self.parameters & QUERIES.keys())}
        path = self.path.format_map(names)
        return f"{path}?{urlencode(query)}" if query else path

    @property
    def json(self) -> dict[str, Any] | None:
        return None if self.body is None else BODIES[self.body]


def operations(document: dict[str, Any]) -> Iterator[Operation]:
    for path, methods in document["paths"].items():
        if "{tenant}" not in path or path.endswith(OPEN_ROUTES):
            continue
        for method, described in methods.items():
            if method in {"head", "options"}:  # without a body to look into
                continue
            body = None
            if "requestBody" in described:
                schema = described["requestBody"]["content"]["application/json"]["schema"]
                body = schema["$ref"].rsplit("/", 1)[1]
            names = frozenset(each["name"] for each in described.get("parameters", ()))
            yield Operation(method.upper(), path, body, names)


@dataclass(frozen=True)
class Furnished:
    """A tenant with one of everything, and the names by which it is found."""

    desk: Desk
    key: str
    names: dict[str, str]


async def furnish(desk: Desk, word: str) -> Furnished:
    article = ARTICLE | {"name": word, "displayName": word}
    expect(await desk.client.post(f"{desk.root}/content-types", json=article), 201)
    entries = f"{desk.root}/content-types/{word}/entries"
    fields = {"fields": {"title": word, "slug": word}}
    entry = expect(await desk.client.post(entries, json=fields), 201)
    expect(await desk.client.post(f"{entries}/{entry['id']}/publish"), 200)
    plan = {"publishAt": "2999-01-01T00:00:00Z"}
    expect(await desk.client.put(f"{entries}/{entry['id']}/schedule", json=plan), 200)
    for title in (word, f"{word} again"):
        gone = expect(await desk.client.post(entries, json={"fields": {"title": title}}), 201)
        expect(await desk.client.delete(f"{entries}/{gone['id']}"), 204)
    await make_role(desk, {"permissions": ["tenant:read"]}, name=word)
    key = await make_key(desk, name=word, role="admin")
    host = await make_host(desk, f"{word}.example")
    user = {"email": f"{word}@{word}.example", "password": PASSWORD, "role": word}
    hired = expect(await desk.client.post(f"{desk.root}/users", json=user), 201)
    names = {
        "tenant": desk.tenant,
        "type_name": word,
        "entry_id": entry["id"],
        "version": "1",
        "slug_or_id": word,
        "role_name": word,
        "key_id": key["id"],
        "host_id": host["id"],
        "user_id": hired["id"],
    }
    return Furnished(desk, key["key"], names)


@pytest.fixture
async def here(acme: Desk) -> Furnished:
    return await furnish(acme, "own")


@pytest.fixture
async def there(globex: Desk) -> Furnished:
    return await furnish(globex, MARK)


@pytest.fixture
async def described(pod: Pod) -> list[Operation]:
    async with pod.client() as anyone:
        return list(operations(expect(await anyone.get("/openapi.json"), 200)))


async def everything(site: Site, tenant: str) -> list[Any]:
    """All rows of a tenant, but for when its keys were used."""
    connection = await asyncpg.connect(site.postgres.superuser_url(site.database))
    try:
        tables = await connection.fetch(
            """SELECT c.relname FROM pg_class c
               JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id'
               WHERE c.relnamespace = 'cms'::regnamespace AND c.relkind = 'r' ORDER BY 1"""
        )
        select = "SELECT to_jsonb(r) - 'last_used_at' FROM cms.{} r JOIN cms.tenants t ON t.id = r.tenant_id WHERE t.name = $1 ORDER BY 1"  # noqa: E501 - one statement
        rows = [await connection.fetch(select.format(table["relname"]), tenant) for table in tables]
        rows.append(await connection.fetch("SELECT * FROM cms.tenants WHERE name = $1", tenant))
        return rows
    finally:
        await connection.close()


def told(answer: httpx.Response) -> tuple[int, dict[str, Any]]:
    """What an answer says, but for the id of its request."""
    assert answer.status_code >= 400, f"{answer.request.method} {answer.url}: {answer.text}"
    assert MARK not in answer.text, f"{answer.request.method} {answer.url}: {answer.text}"
    body: dict[str, Any] = answer.json()
    return answer.status_code, {name: body[name] for name in body.keys() - {"requestId"}}


async def test_no_credentials_open_a_route_of_another_tenant_or_tell_of_it(
    site: Site, pod: Pod, here: Furnished, there: Furnished, described: list[Operation]
) -> None:
    before = await everything(site, "globex")
    nowhere = there.names | {"tenant": NOWHERE}
    callers = [here.desk.client, holder(pod, here.key), pod.client(here.key), pod.client()]
    for caller, operation in itertools.product(callers, described):
        answers = [
            told(await caller.request(operation.method, operation.url(names), json=operation.json))
            for names in (there.names, nowhere)
        ]
        assert answers[0] == answers[1], operation
        assert answers[0][0] in {401, 403}, operation
    assert await everything(site, "globex") == before


async def test_names_and_identifiers_of_another_tenant_are_nothing_here(
    site: Site, here: Furnished, there: Furnished, described: list[Operation]
) -> None:
    """One parameter at a time is the other tenant's, in the path of one's own."""
    before = [await everything(site, tenant) for tenant in ("globex", "acme")]
    tried = 0
    for operation in described:
        for name in sorted(operation.parameters & here.names.keys() - {"tenant"} - COUNTED):
            missing = str(uuid4()) if name.endswith("_id") and name != "slug_or_id" else NOWHERE
            answers = [
                told(
                    await here.desk.client.request(
                        operation.method,
                        operation.url(here.names | {name: value}),
                        json=operation.json,
                    )
                )
                for value in (there.names[name], missing)
            ]
            assert answers[0] == answers[1], (operation, name)
            assert answers[0][0] == 404, (operation, name)
            tried += 1
    assert tried >= 50
    assert [await everything(site, tenant) for tenant in ("globex", "acme")] == before


async def test_a_cursor_of_another_tenant_continues_ones_own_list_only(
    here: Furnished, there: Furnished, described: list[Operation]
) -> None:
    for operation in described:
        if "cursor" not in operation.parameters:
            continue
        url = operation.url(there.names)
        first = await there.desk.client.get(url, params={"limit": 1})
        if (cursor := expect(first, 200)["nextCursor"]) is None:
            continue  # a list of one
        answer = await here.desk.client.get(operation.url(here.names), params={"cursor": cursor})
        expect(answer, 200)
        assert MARK not in answer.text


async def test_a_query_finds_nothing_of_another_tenant(here: Furnished, there: Furnished) -> None:
    """Each parameter of delivery that takes a value gets one of theirs, and one from nowhere."""
    entry_id, word = there.names["entry_id"], there.names["slug_or_id"]
    own = f"/v1/delivery/{here.desk.tenant}/{here.names['type_name']}"
    for query, theirs, nothing in (
        ("q", word, NOWHERE),
        ("filter[id][eq]", entry_id, str(uuid4())),
        ("filter[id][in]", entry_id, str(uuid4())),
        ("filter[slug][eq]", word, NOWHERE),
        ("filter[fields.title][eq]", word, NOWHERE),
        ("filter[fields.title][in]", word, NOWHERE),
    ):
        found = [
            expect(await here.desk.client.get(own, params={query: value}), 200)["items"]
            for value in (theirs, nothing)
        ]
        assert found == [[], []], query
    others = expect(await here.desk.client.get(f"{own}?filter[id][ne]={entry_id}"), 200)["items"]
    assert [item["id"] for item in others] == [here.names["entry_id"]]


@pytest.mark.parametrize("path", ["users", "api-keys"])
async def test_a_role_of_another_tenant_cannot_be_given(
    here: Furnished, there: Furnished, path: str
) -> None:
    bodies = {"users": BODIES["NewUser"], "api-keys": BODIES["NewApiKey"]}
    answers = [
        told(
            await here.desk.client.post(
                f"{here.desk.root}/{path}", json=bodies[path] | {"role": role}
            )
        )
        for role in (there.names["role_name"], NOWHERE)
    ]
    assert answers[0] == answers[1]
    assert answers[0][0] == 422


async def test_an_idempotency_key_of_another_tenant_gets_no_answer_of_it(
    here: Furnished, there: Furnished
) -> None:
    header = {"Idempotency-Key": "the-same"}
    role = {"name": "taken", "displayName": MARK, "rules": []}
    theirs = await there.desk.client.post(f"{there.desk.root}/roles", json=role, headers=header)
    expect(theirs, 201)
    own = role | {"displayName": "Own"}
    answer = await here.desk.client.post(f"{here.desk.root}/roles", json=own, headers=header)
    assert expect(answer, 201)["displayName"] == "Own"


async def test_a_session_of_one_tenant_is_none_of_another(pod: Pod, globex: Desk) -> None:
    acme = await pod.log_in("acme")
    token = {"refreshToken": acme.tokens["refreshToken"]}
    login = {"email": "owner@acme.example", "password": PASSWORD}
    async with pod.client() as client:
        for route, body in (("login", login), ("refresh", token)):
            answers = [
                told(await client.post(f"/v1/tenants/{tenant}/auth/{route}", json=body))
                for tenant in (globex.tenant, NOWHERE)
            ]
            assert answers[0] == answers[1]
            assert answers[0][0] == 401
        for tenant in (globex.tenant, NOWHERE):
            expect(await client.post(f"/v1/tenants/{tenant}/auth/logout", json=token), 204)
        expect(await client.post(f"{acme.root}/auth/refresh", json=token), 200)
