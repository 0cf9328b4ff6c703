"""Keys for programs: what they open, for how long, and what is kept of them."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import pytest

from cms_service.api_keys.keys import KeyText
from tests.service.patience import PATIENCE
from tests.service.test_people import hired, make_role, two_pods, until
from tests.service.world import PASSWORD, Desk, Pod, Site, expect, expect_problem

__all__ = ["two_pods"]


async def make_key(desk: Desk, **body: object) -> dict[str, Any]:
    answer = await desk.client.post(f"{desk.root}/api-keys", json={"name": "site", **body})
    assert answer.headers["cache-control"] == "no-store"
    key: dict[str, Any] = expect(answer, 201)
    return key


def holder(pod: Pod, key: str, header: str = "X-API-Key") -> httpx.AsyncClient:
    client = pod.client()
    client.headers[header] = f"Bearer {key}" if header == "Authorization" else key
    return client


@pytest.fixture
async def published(acme: Desk) -> Desk:
    await acme.make_type()
    await acme.publish_new(title="Hello", slug="hello")
    return acme


@pytest.mark.parametrize("header", ["X-API-Key", "Authorization"])
async def test_a_key_reads_what_is_published_and_nothing_else(
    pod: Pod, published: Desk, header: str
) -> None:
    key = await make_key(published)
    assert (key["role"], key["rules"]) == (
        None,
        [
            {
                "permissions": ["delivery:read"],
                "deny": False,
                "contentTypes": None,
                "fields": None,
                "locales": None,
                "own": False,
            }
        ],
    )
    async with holder(pod, key["key"], header) as program:
        expect(await program.get(f"{published.delivery}/hello"), 200)
        expect(await program.get(published.delivery), 200)
        for path in ("", "/content-types", "/content-types/article/entries", "/users", "/api-keys"):
            expect_problem(await program.get(published.root + path), 403)
        expect_problem(await program.post(published.entries, json={"fields": {}}), 403)


async def test_a_key_is_shown_once_and_kept_as_a_hash(site: Site, acme: Desk) -> None:
    key = await make_key(acme)
    assert re.fullmatch(r"hcms_[0-9a-f]{32}_[\w-]{43}", key["key"])
    keys = f"{acme.root}/api-keys"
    listed = await acme.client.get(keys)
    single = await acme.client.get(f"{keys}/{key['id']}")
    secret = key["key"].rsplit("_", 1)[1]
    assert secret not in listed.text + single.text
    assert expect(listed, 200)["items"] == [expect(single, 200)]
    connection = await asyncpg.connect(site.postgres.superuser_url(site.database))
    rows = await connection.fetch("SELECT k::text AS row, secret_hash FROM cms.api_keys k")
    await connection.close()
    assert [row["secret_hash"] for row in rows] == [KeyText.parse(key["key"]).hash()]
    assert secret not in rows[0]["row"]


async def test_a_key_for_one_type_opens_no_other(pod: Pod, published: Desk) -> None:
    rules = [{"permissions": ["delivery:read"], "contentTypes": ["page"]}]
    key = await make_key(published, rules=rules)
    async with holder(pod, key["key"]) as program:
        expect_problem(await program.get(f"{published.delivery}/hello"), 403)
        expect_problem(await program.get(f"/v1/delivery/{published.tenant}/page"), 404)


async def test_a_key_with_a_role_manages_as_the_role_may(pod: Pod, published: Desk) -> None:
    key = await make_key(published, role="editor")
    async with holder(pod, key["key"]) as program:
        made = await program.post(published.entries, json={"fields": {"title": "By a program"}})
        entry = expect(made, 201)
        assert (entry["createdBy"], entry["updatedBy"]) == (None, None)
        url = f"{published.entries}/{entry['id']}"
        expect(await program.put(url, json={"fields": {"title": "New", "slug": "new"}}), 200)
        expect(await program.post(f"{url}/publish"), 200)
        expect_problem(await program.get(f"{published.root}/users"), 403)


async def test_a_key_owns_no_entries(pod: Pod, published: Desk) -> None:
    key = await make_key(published, role="author")
    async with holder(pod, key["key"]) as program:
        made = expect(await program.post(published.entries, json={"fields": {}}), 201)
        url = f"{published.entries}/{made['id']}"
        expect_problem(await program.put(url, json={"fields": {}}), 403)


@pytest.mark.parametrize(
    "body",
    [
        {"role": "owner"},
        {"role": "no-such-role"},
        {"role": "viewer", "rules": []},
        {"rules": [{"permissions": ["owners:write"]}]},
        {"expiresAt": "2020-01-01T00:00:00Z"},
        {"expiresAt": "2099-01-01T00:00:00"},
        {"name": ""},
    ],
)
async def test_what_cannot_be_a_key_is_refused(acme: Desk, body: dict[str, object]) -> None:
    answer = await acme.client.post(f"{acme.root}/api-keys", json={"name": "site", **body})
    expect_problem(answer, 422)


async def test_nobody_makes_a_key_with_more_rights_than_their_own(pod: Pod, acme: Desk) -> None:
    await make_role(acme, {"permissions": ["api-keys:write", "delivery:read"]})
    helper, _ = await hired(pod, acme, "helper")
    expect(await helper.client.post(f"{acme.root}/api-keys", json={"name": "a"}), 201)
    wider = {"name": "b", "role": "viewer"}
    expect_problem(await helper.client.post(f"{acme.root}/api-keys", json=wider), 403)


async def test_a_role_that_a_key_has_stays(acme: Desk) -> None:
    await make_role(acme, {"permissions": ["delivery:read"]})
    key = await make_key(acme, role="helper")
    expect_problem(await acme.client.delete(f"{acme.root}/roles/helper"), 409)
    expect(await acme.client.delete(f"{acme.root}/api-keys/{key['id']}"), 204)
    expect(await acme.client.delete(f"{acme.root}/roles/helper"), 204)


def forged(key: str) -> dict[str, str]:
    parsed = KeyText.parse(key)
    return {
        "another secret": KeyText.new(parsed.id).encode(),
        "another id": KeyText(UUID(int=1), parsed.secret).encode(),
        "half": key[:-1],
        "more": key + "A",
        "no key": "hcms_",
        "empty": "",
    }


async def test_what_is_not_quite_a_key_opens_nothing(pod: Pod, published: Desk) -> None:
    key = (await make_key(published))["key"]
    for text in forged(key).values():
        async with holder(pod, text) as program:
            expect_problem(await program.get(f"{published.delivery}/hello"), 401)
            expect_problem(await program.get(published.root), 401)
    async with holder(pod, key) as program:
        program.headers["Authorization"] = f"Bearer {key}"
        expect_problem(await program.get(f"{published.delivery}/hello"), 401)


async def test_a_key_of_another_tenant_is_no_key_and_tells_nothing(
    pod: Pod, published: Desk, globex: Desk
) -> None:
    key = (await make_key(globex, role="admin"))["key"]
    async with holder(pod, key) as program:
        answers = [
            expect_problem(await program.get(path), 401)
            for tenant in (published.tenant, "no-such-tenant")
            for path in (f"/v1/delivery/{tenant}/article/hello", f"/v1/tenants/{tenant}")
        ]
        assert len({answer["detail"] for answer in answers}) == 1
        expect(await program.get(globex.root), 200)


async def test_a_key_ends_when_it_expires(pod: Pod, published: Desk) -> None:
    # Not so soon that the request for it could come too late.
    soon = datetime.now(UTC) + timedelta(seconds=3)
    key = await make_key(published, expiresAt=soon.isoformat())
    async with holder(pod, key["key"]) as program:
        while datetime.now(UTC) < soon:
            asked = await program.get(published.delivery)
            assert asked.status_code == 200 or datetime.now(UTC) >= soon
        expect_problem(await program.get(published.delivery), 401)


async def test_a_revoked_key_is_refused_on_every_pod_within_a_second(
    two_pods: tuple[Pod, Pod],
) -> None:
    here, there = two_pods
    acme = await here.log_in("acme")
    await acme.make_type()
    key = await make_key(acme)
    async with holder(here, key["key"]) as near, holder(there, key["key"]) as far:
        expect(await near.get(acme.delivery), 200)
        expect(await far.get(acme.delivery), 200)
        expect(await acme.client.delete(f"{acme.root}/api-keys/{key['id']}"), 204)
        expect_problem(await near.get(acme.delivery), 401)
        await until(lambda: far.get(acme.delivery), 401)
    expect_problem(await acme.client.delete(f"{acme.root}/api-keys/{key['id']}"), 404)


async def test_many_requests_with_a_key_cost_one_query_and_one_note(
    pod: Pod, published: Desk
) -> None:
    key = await make_key(published)
    url = f"{published.root}/api-keys/{key['id']}"
    assert expect(await published.client.get(url), 200)["lastUsedAt"] is None
    async with holder(pod, key["key"]) as program:
        for _ in range(20):
            expect(await program.get(f"{published.delivery}/hello"), 200)
    await pod.cms.key_uses.close(PATIENCE)
    used = datetime.fromisoformat(expect(await published.client.get(url), 200)["lastUsedAt"])
    assert abs(datetime.now(UTC) - used) < timedelta(hours=1)
    seen = pod.cms.metrics.render().decode()
    for operation in ("api_keys.known", "api_keys.note_use"):
        count = f'hcms_db_query_duration_seconds_count{{operation="{operation}"}} 1.0'
        assert count in seen


async def test_a_key_has_neither_sessions_nor_a_password(pod: Pod, acme: Desk) -> None:
    key = await make_key(acme, role="admin")
    change = {"currentPassword": PASSWORD, "newPassword": f"another {PASSWORD}"}
    async with holder(pod, key["key"]) as program:
        expect_problem(await program.post(f"{acme.root}/auth/password", json=change), 403)
        expect_problem(await program.post(f"{acme.root}/auth/logout-everywhere"), 403)


async def test_a_key_has_a_rate_of_its_own(site: Site) -> None:
    async with site.pod(rate_limit_delivery_client="60") as pod:
        acme = await pod.log_in("acme")
        await acme.make_type()
        first, second = [(await make_key(acme))["key"] for _ in range(2)]
        async with holder(pod, first) as program, holder(pod, second) as other:
            answers = [await program.get(acme.delivery) for _ in range(100)]
            assert {answer.status_code for answer in answers} == {200, 429}
            expect(await other.get(acme.delivery), 200)
