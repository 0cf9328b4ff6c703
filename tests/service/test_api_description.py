"""Where the descriptions of the API are, and how they are kept up with the tenant's types."""

from typing import Any

import httpx
import pytest

from tests.service.test_api_keys import holder, make_key
from tests.service.world import ARTICLE, Desk, Pod, expect, expect_problem


def described(document: dict[str, Any]) -> set[str]:
    """The types that it is about."""
    return {tag["name"] for tag in document["tags"]}


async def not_modified(client: httpx.AsyncClient, url: str, etag: str) -> bool:
    answer = await client.get(url, headers={"If-None-Match": etag})
    assert answer.status_code in {200, 304}
    return answer.status_code == 304


async def test_the_description_of_all_routes_is_for_everybody(pod: Pod) -> None:
    async with pod.client() as anyone:
        answer = await anyone.get("/openapi.json")
        document = expect(answer, 200)
        assert document["openapi"].startswith("3.1")
        assert "/openapi.json" in document["paths"]
        etag = answer.headers["etag"]
        assert await not_modified(anyone, "/openapi.json", f'"other", W/{etag}')
        assert not await not_modified(anyone, "/openapi.json", '"other"')


async def test_a_tenants_description_changes_with_its_types_and_locales(acme: Desk) -> None:
    url = f"{acme.root}/openapi.json"
    etags = []

    async def look() -> dict[str, Any]:
        answer = await acme.client.get(url)
        etags.append(answer.headers["etag"])
        assert await not_modified(acme.client, url, etags[-1])
        document: dict[str, Any] = expect(answer, 200)
        return document

    assert (await look())["paths"] == {}
    await acme.make_type()
    document = await look()
    assert described(document) == {"article"}
    title = document["components"]["schemas"]["article.Fields"]["properties"]["title"]
    assert title == {"type": "string", "minLength": 0, "maxLength": 200}
    localised = {"name": "teaser", "kind": "text", "localised": True}
    wider = {"displayName": "Article", "fields": [*ARTICLE["fields"], localised]}
    expect(await acme.client.put(f"{acme.root}/content-types/article", json=wider), 200)
    await look()
    locales = {"default": "en", "locales": [{"code": "en"}, {"code": "de"}]}
    expect(await acme.client.put(f"{acme.root}/locales", json=locales), 200)
    document = await look()
    teaser = document["components"]["schemas"]["article.Fields"]["properties"]["teaser"]
    assert teaser["properties"].keys() == {"en", "de"}
    await acme.draft(title="No change of the type")
    await look()
    assert len(set(etags)) == len(etags) - 1


async def test_some_types_are_described_where_they_are_named(acme: Desk) -> None:
    for name in ("article", "page", "author"):
        body = ARTICLE | {"name": name}
        expect(await acme.client.post(f"{acme.root}/content-types", json=body), 201)
    url = f"{acme.root}/openapi.json"
    assert described(expect(await acme.client.get(url), 200)) == {"article", "page", "author"}
    some = await acme.client.get(url, params={"types": "page,author"})
    assert described(expect(some, 200)) == {"page", "author"}
    problem = expect_problem(await acme.client.get(url, params={"types": "page,nope"}), 422)
    assert problem["errors"] == [{"pointer": "types", "detail": "there is no content type nope"}]


@pytest.mark.parametrize(
    ("permission", "status"), [("content-types:read", 200), ("tenant:read", 403)]
)
async def test_who_may_read_the_types_may_read_their_description(
    pod: Pod, acme: Desk, permission: str, status: int
) -> None:
    key = await make_key(acme, rules=[{"permissions": [permission]}])
    answer = await holder(pod, key["key"]).get(f"{acme.root}/openapi.json")
    assert answer.status_code == status


async def test_a_page_tells_all_its_methods_where_one_is_not_there(acme: Desk) -> None:
    answer = await acme.client.options(f"{acme.root}/content-types/article")
    expect_problem(answer, 405)
    assert answer.headers["allow"] == "DELETE, GET, PUT"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("users/{{0190a000-0000-7000-8000-000000000001}}", None),
        ("users/0190a000000070008000000000000001", None),
        ("users?limit=1.0", None),
        ("users?limit=%201", None),
        ("audit-log?since=1700000000", None),
        ("audit-log?since=2026-01-31", None),
        ("content-types", ARTICLE | {"fields": [{"name": "a", "kind": "json", "required": "yes"}]}),
        ("content-types", ARTICLE | {"fields": [{"name": "a", "kind": "text", "maxLength": "9"}]}),
        ("content-types", ARTICLE | {"fields": [{"name": "a", "kind": "number", "maximum": True}]}),
        ("api-keys", {"name": "key", "expiresAt": 32503680000}),
    ],
)
async def test_values_are_taken_in_the_described_spelling_only(
    acme: Desk, path: str, body: dict[str, Any] | None
) -> None:
    url = f"{acme.root}/{path}"
    answer = await (acme.client.get(url) if body is None else acme.client.post(url, json=body))
    expect_problem(answer, 422)


async def test_a_moment_may_be_told_in_any_zone(acme: Desk) -> None:
    """Also in those that PostgreSQL does not know."""
    body = {"name": "key", "expiresAt": "2337-10-22T16:45:14-19:59"}
    key = expect(await acme.client.post(f"{acme.root}/api-keys", json=body), 201)
    assert key["expiresAt"] == "2337-10-23T12:44:14Z"
