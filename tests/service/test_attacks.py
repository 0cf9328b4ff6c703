"""What attackers send, in every parameter, header and member of a body that the API's own
description knows: it is refused or taken for the text that it is. Nothing of it is an error of the
service, tells of its inside, or changes anything.
"""

import copy
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote_from_bytes

import httpx
import pytest

from cms_service.delivery.routes import LIST_ROUTE
from tests.service.test_border_attempts import (
    BODIES,
    Furnished,
    Operation,
    described,
    everything,
    here,
    operations,
    there,
)
from tests.service.world import Desk, Pod, Site, expect, expect_problem

__all__ = ["described", "here", "there"]

JSON = {"Content-Type": "application/json"}

SQL = (
    "'",
    "' OR '1'='1",
    "x'; DROP TABLE cms.entries; --",
    "\\'; SELECT pg_sleep(20); --",
    "' || (SELECT pg_sleep(20))::text || '",
    "$1%_",
    'a"b\\',
)
ODD = (
    "\0",
    b"\xff",
    b"\xed\xa0\x80",  # a lone surrogate
    "../../etc/passwd",
    "%2e%2e%2f",  # encoded twice
    "\r\nX-Injected: yes",
    "a" * 5_000,
    "-1",
    "9" * 1_001,
    "\uff11\u0661",  # digits to some
    "",
    "{{7*7}}\u202e",
    "9999-12-31T23:59:59-23:59",
    "0001-01-01T00:00:00+23:59",
)
HOSTILE = [value if isinstance(value, bytes) else value.encode() for value in (*SQL, *ODD)]

# Of the programs below, of their languages, of the service's own files and addresses.
LEAKS = (
    "Traceback",
    "asyncpg",
    "pydantic",
    "site-packages",
    ".py",
    "syntax error",
    "relation ",
    "column ",
    "constraint",
    "sqlstate",
    "argon2",
    "127.0.0.1",
    "hcms:{",
)


# What a list of published entries may be asked for besides; the description leaves it out.
ATTRIBUTES = ("id", "slug", "publishedAt", "fields.title", "fields.views")
OPERATORS = ("eq", "in", "gt", "exists")
QUERIES = (
    *("q", "sort", "limit", "select", "expand", "locale"),
    *(f"filter[{attribute}][{operator}]" for attribute in ATTRIBUTES for operator in OPERATORS),
)


def check(answer: httpx.Response, what: object) -> None:
    assert answer.status_code < 500, (what, answer.text)
    assert "x-injected" not in answer.headers, what
    if answer.status_code >= 400:
        expect_problem(answer, answer.status_code)
        assert not [leak for leak in LEAKS if leak in answer.text], (what, answer.text)


@dataclass(frozen=True)
class Place:
    """A parameter of an operation."""

    operation: Operation
    name: str
    in_path: bool

    def url(self, names: dict[str, str], value: bytes) -> str:
        encoded = quote_from_bytes(value, safe="")
        if self.in_path:
            return self.operation.url(names | {self.name: encoded})
        url = self.operation.url(names)
        others = [part for part in url.partition("?")[2].split("&") if part]
        kept = [part for part in others if not part.startswith(f"{self.name}=")]
        return f"{url.partition('?')[0]}?{'&'.join([*kept, f'{self.name}={encoded}'])}"


def places(document: dict[str, Any]) -> Iterator[Place]:
    for operation in operations(document):
        described_here = document["paths"].get(operation.path, {}).get(operation.method.lower(), {})
        where = {each["name"]: each["in"] for each in described_here.get("parameters", ())}
        more = QUERIES if operation.path == LIST_ROUTE else ()
        for name in sorted(operation.parameters.union(more)):
            in_path = f"{{{name}}}" in operation.path
            if in_path or where.get(name, "query") == "query":
                yield Place(operation, name, in_path)


async def openapi(pod: Pod) -> dict[str, Any]:
    async with pod.client() as anyone:
        document: dict[str, Any] = expect(await anyone.get("/openapi.json"), 200)
        return document


async def test_hostile_values_of_every_parameter_of_every_route_do_nothing(
    site: Site, pod: Pod, here: Furnished, there: Furnished
) -> None:
    assert there
    before = [await everything(site, tenant) for tenant in ("acme", "globex")]
    tried = 0
    for place in places(await openapi(pod)):
        operation = place.operation
        for value in HOSTILE:
            url = place.url(here.names, value)
            answer = await here.desk.client.request(operation.method, url, json=operation.json)
            check(answer, (operation.method, url))
            tried += 1
    assert tried > 3_000
    assert [await everything(site, tenant) for tenant in ("acme", "globex")] == before


HEADERS = (
    "Authorization",
    "X-API-Key",
    "Host",
    "If-Match",
    "If-None-Match",
    "Idempotency-Key",
    "X-HCMS-Generation",
    "X-Request-Id",
    "X-Forwarded-For",
    "Traceparent",
    "Content-Type",
    "Content-Length",
    "Origin",
    "X-HTTP-Method-Override",
)


async def test_hostile_values_of_headers_do_nothing(site: Site, here: Furnished) -> None:
    before = await everything(site, "acme")
    entry = f"{here.desk.root}/content-types/own/entries/{here.names['entry_id']}"
    delivery = f"/v1/delivery/acme/own/{here.names['slug_or_id']}"
    refused = b'{"fields":{"title":1}}'
    for name in HEADERS:
        for value in HOSTILE:
            header = {name.encode(): value}
            check(await here.desk.client.get(delivery, headers=header), (name, value))
            typed = (
                header
                if name == "Content-Type"
                else {b"Content-Type": b"application/json", **header}
            )
            answer = await here.desk.client.patch(entry, content=refused, headers=typed)
            check(answer, (name, value))
            assert answer.status_code >= 400, (name, value)
    assert await everything(site, "acme") == before


# In the place of any value of a body: none of them is JSON that can be kept and read exactly.
NEVER = (
    b"NaN",
    b"-Infinity",
    b"1e400",
    b"-1e400",
    b"9" * 400,
    b"1" + b"0" * 1_000,
    b"9007199254740993",
    b'"\\ud800"',
    b'"\\udc00\\ud800"',
    b'"a\\u0000b"',
    b'"\xff"',
    b'"\xed\xa0\x80"',
    b'"a\nb"',
    b'"\\x41"',
    b"[" * 40 + b"]" * 40,
    b'{"a":' * 40 + b"1" + b"}" * 40,
    b"[" * 100_000,
    b"'x'",
    b"01",
    b"0x10",
    b"/**/1",
    b"1,",
    b"",
)
# In the place of a whole body.
NO_BODY = (
    b"",
    b"null",
    b"[]",
    b"1",
    b'"x"',
    b"\xef\xbb\xbf{}",
    "{}".encode("utf-16"),
    b"{}{}",
    b"{}\0",
    b"\x1f\x8b\x08\x00",
)
# Members that nobody may set.
MEMBERS = ("__proto__", "constructor", "tenantId", "tenant_id", "id", "createdBy", "$where", "")


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if isinstance(value, dict):
        for name, member in value.items():
            yield from leaves(member, (*path, name))
    elif isinstance(value, list):
        for place, member in enumerate(value):
            yield from leaves(member, (*path, place))
    else:
        yield path


def replaced(body: dict[str, Any], path: tuple[Any, ...], raw: bytes) -> bytes:
    changed: Any = copy.deepcopy(body)
    holder = changed
    for step in path[:-1]:
        holder = holder[step]
    holder[path[-1]] = "@@"
    return json.dumps(changed).encode().replace(b'"@@"', raw)


def bodies(operation: Operation) -> Iterator[bytes]:
    assert operation.json is not None
    yield from NO_BODY
    for path in leaves(operation.json):
        for raw in NEVER:
            yield replaced(operation.json, path, raw)
    good = json.dumps(operation.json)
    for name in MEMBERS:
        yield f"{good[:-1]},{json.dumps(name)}:{{}}}}".encode()
    for name, value in operation.json.items():
        yield f"{good[:-1]},{json.dumps(name)}:{json.dumps(value)}}}".encode()  # once more


async def test_bodies_that_are_not_exact_json_or_say_too_much_are_refused_everywhere(
    site: Site, here: Furnished, described: list[Operation]
) -> None:
    before = await everything(site, "acme")
    for operation in described:
        if operation.body is None:
            continue
        url = operation.url(here.names)
        for body in bodies(operation):
            answer = await here.desk.client.request(
                operation.method, url, content=body, headers=JSON
            )
            what = (operation.method, url, body[:200])
            check(answer, what)
            assert answer.status_code in {400, 422}, (what, answer.text)
    assert await everything(site, "acme") == before


async def test_sql_in_any_member_of_a_body_is_a_text_or_refused(
    site: Site, here: Furnished, there: Furnished, described: list[Operation]
) -> None:
    assert there
    before, tables = await everything(site, "globex"), await tables_of(site)
    for operation in described:
        if operation.body in {None, "PasswordChange"}:
            continue
        for path in leaves(operation.json):
            for text in SQL:
                body = replaced(BODIES[str(operation.body)], path, json.dumps(text).encode())
                answer = await here.desk.client.request(
                    operation.method, operation.url(here.names), content=body, headers=JSON
                )
                check(answer, (operation, body))
    assert await everything(site, "globex") == before
    assert await tables_of(site) == tables


async def tables_of(site: Site) -> list[Any]:
    return await site.fetch("SELECT relname FROM pg_class WHERE relkind = 'r' ORDER BY 1")


async def test_a_text_comes_back_as_it_was_sent_whatever_it_looks_like(acme: Desk) -> None:
    await acme.make_type()
    for number, text in enumerate(value.decode() for value in HOSTILE[: len(SQL)]):
        entry = await acme.publish_new(title=text, slug=f"s{number}")
        assert entry["fields"]["title"] == text
        found = expect(await acme.client.get(f"{acme.delivery}/s{number}"), 200)
        assert found["fields"]["title"] == text
        named = {"Idempotency-Key": "'OR'1'='1';--"}
        url = f"{acme.entries}/{entry['id']}"
        for _ in range(2):
            answer = await acme.client.delete(
                url, headers=named | {"Idempotency-Key": f"';{number}"}
            )
            expect(answer, 204)


TIMES = ("2999-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "2999-01-01T00:00:00-15:59")


@pytest.mark.parametrize("time", TIMES)
async def test_a_time_in_any_zone_is_that_moment_or_refused(
    acme: Desk, here: Furnished, time: str
) -> None:
    entry = f"{acme.root}/content-types/own/entries/{here.names['entry_id']}"
    check(await acme.client.put(f"{entry}/schedule", json={"publishAt": time}), time)
    key = {"name": "until then", "expiresAt": time}
    check(await acme.client.post(f"{acme.root}/api-keys", json=key), time)
    for url in (
        f"{acme.root}/content-types/own/entries?updatedSince=",
        f"{acme.root}/audit-log?since=",
    ):
        check(await acme.client.get(url + quote_from_bytes(time.encode())), time)
