"""What a tenant may have: counted by the database, changed from the command line only."""

import asyncio
from typing import Any

import asyncpg
import httpx
import pytest

from cms_service import cli
from cms_service.core.settings.default_limits import LIMITS, DefaultLimits
from cms_service.limits.manage import change
from tests.service.test_api_keys import make_key
from tests.service.test_hosts import make_host
from tests.service.test_people import make_role
from tests.service.world import (
    ARTICLE,
    OWNER_PASSWORD,
    OWNER_ROLE,
    PASSWORD,
    SERVICE_PASSWORD,
    SERVICE_ROLE,
    Desk,
    Pod,
    Site,
    execute,
    expect,
    expect_problem,
)


async def limit(site: Site, **limits: int | None) -> None:
    url = site.postgres.url(site.database, f"{OWNER_ROLE}:{OWNER_PASSWORD}")
    connection = await asyncpg.connect(url)
    try:
        assert await change(connection, "acme", limits) is not None
    finally:
        await connection.close()


async def usage(desk: Desk) -> dict[str, int]:
    found = expect(await desk.client.get(f"{desk.root}/usage"), 200)
    return {what: use["used"] for what, use in found.items()}


async def measured(site: Site) -> dict[str, int]:
    connection = await asyncpg.connect(site.postgres.superuser_url(site.database))
    try:
        rows = await connection.fetch(
            """SELECT m.what, m.used FROM cms.tenants t, LATERAL (
                   SELECT * FROM cms.measured_usage(t.id)
                   UNION ALL SELECT 'answerBytes', coalesce(sum(octet_length(k.body)), 0)
                   FROM cms.idempotency_keys k WHERE k.tenant_id = t.id) m
               WHERE t.name = 'acme'"""
        )
        return {row["what"]: row["used"] for row in rows}
    finally:
        await connection.close()


async def test_many_writers_at_once_never_come_above_a_limit(site: Site, acme: Desk) -> None:
    await acme.make_type()
    await limit(site, entries=3)
    writes = [acme.client.post(acme.entries, json={"fields": {}}) for _ in range(12)]
    answers = await asyncio.gather(*writes)
    assert sorted(answer.status_code for answer in answers) == [201] * 3 + [403] * 9
    refused = next(answer for answer in answers if answer.status_code == 403)
    problem = expect_problem(refused, 403)
    assert problem["type"] == "urn:headlesscms:problem:limit-reached"
    assert problem["detail"] == "The tenant may have at most 3 entries."
    assert (await usage(acme))["entries"] == 3

    entry = next(answer for answer in answers if answer.status_code == 201).json()
    expect(await acme.client.delete(f"{acme.entries}/{entry['id']}"), 204)
    expect(await acme.client.post(acme.entries, json={"fields": {}}), 201)
    expect_problem(await acme.client.post(acme.entries, json={"fields": {}}), 403)


ATTEMPTS: dict[str, tuple[str, dict[str, Any]]] = {
    "contentTypes": ("/content-types", ARTICLE | {"name": "other"}),
    "entries": ("/content-types/article/entries", {"fields": {}}),
    "users": ("/users", {"email": "x@acme.example", "password": PASSWORD, "role": "viewer"}),
    "roles": ("/roles", {"name": "other", "displayName": "Other", "rules": []}),
    "apiKeys": ("/api-keys", {"name": "other"}),
    "hosts": ("/hosts", {"host": "other.example"}),
    "bytes": ("/content-types/article/entries", {"fields": {"title": "x" * 150}}),
}


@pytest.mark.parametrize("what", LIMITS)
async def test_each_limit_stops_its_own_writes_and_no_others(
    site: Site, acme: Desk, what: str
) -> None:
    await acme.make_type()
    path, body = ATTEMPTS[what]
    await limit(site, **{what: (await usage(acme))[what]})
    problem = expect_problem(await acme.client.post(acme.root + path, json=body), 403)
    assert problem["detail"].endswith(f" {what}.")
    await limit(site, **{what: None})
    expect(await acme.client.post(acme.root + path, json=body), 201)


async def test_bytes_follow_every_change_of_content(site: Site, acme: Desk) -> None:
    await acme.make_type()
    entry = await acme.draft(title="x" * 100, slug="a")
    await acme.publish(entry["id"])
    full = (await usage(acme))["bytes"]
    url = f"{acme.entries}/{entry['id']}"
    await limit(site, bytes=full)
    longer = {"fields": {"title": "x" * 101, "slug": "a"}}
    shorter = {"fields": {"title": "x", "slug": "a"}}
    other = {"fields": {"title": "y" * 100, "slug": "a"}}
    for body in (longer, other):  # each leaves a version
        expect_problem(await acme.client.put(url, json=body), 403)
    expect(await acme.client.put(url, json=shorter), 200)
    one = full // 3  # the draft, its version, and what is published
    assert (await usage(acme))["bytes"] == full - 99 + one - 99
    await limit(site, bytes=1)
    expect(await acme.client.delete(url), 204)
    assert (await usage(acme))["bytes"] == (one - 99) + one + (one - 99)
    expect(await acme.client.delete(f"{acme.root}/content-types/article/bin/{entry['id']}"), 204)
    assert (await usage(acme))["bytes"] == 0
    assert await usage(acme) == await measured(site)


async def test_the_counters_are_what_is_there(site: Site, acme: Desk) -> None:
    await acme.make_type()
    for number in range(3):
        await acme.publish_new(title="Hello", slug=f"s{number}")
    entries = expect(await acme.client.get(acme.entries), 200)["items"]
    await make_role(acme, {"permissions": ["tenant:read"]})
    key = await make_key(acme)
    await make_host(acme, "www.acme.example")
    await acme.hire("editor")
    users = expect(await acme.client.get(f"{acme.root}/users"), 200)["items"]
    for path in (
        f"{acme.entries}/{entries[0]['id']}",
        f"{acme.root}/api-keys/{key['id']}",
        f"{acme.root}/users/{users[0]['id']}",
    ):
        expect(await acme.client.delete(path), 204)
    expect(await acme.client.post(f"{acme.entries}/{entries[1]['id']}/unpublish"), 200)
    assert await usage(acme) == await measured(site)


async def test_answers_that_are_kept_have_room_of_their_own_and_go_after_a_day(
    site: Site, pod: Pod, acme: Desk
) -> None:
    def role(name: str) -> dict[str, Any]:
        return {"name": name, "displayName": "x" * 100, "rules": []}

    async def send(name: str, status: int, method: str = "POST", path: str = "") -> httpx.Response:
        body = None if path else role(name)
        url = f"{acme.root}/roles{path}"
        key = {"Idempotency-Key": f"{method}-{name}"}
        answer = await acme.client.request(method, url, json=body, headers=key)
        expect(answer, status)
        return answer

    await acme.make_type()
    await acme.draft(title="x" * 100)
    before = await usage(acme)
    first = await send("first", 201)
    kept = len(first.content)
    assert await usage(acme) == before | {"roles": 1, "answerBytes": kept}
    await execute(site.postgres, site.database, "DELETE FROM cms.kept_answers")
    kept += len((await send("second", 201)).content)
    assert (await usage(acme))["answerBytes"] == kept, "those from before were measured"

    await limit(site, bytes=10**9)
    room = expect(await acme.client.get(f"{acme.root}/usage"), 200)["answerBytes"]["limit"]
    assert room == 10**8
    almost = f"UPDATE cms.kept_answers SET bytes = {room - 10}"  # noqa: S608 - a number
    await execute(site.postgres, site.database, almost)
    refused = expect_problem(await send("third", 403), 403)
    assert refused["detail"] == f"The tenant may have at most {room} answerBytes."
    expect(await acme.client.post(f"{acme.root}/roles", json=role("third")), 201)
    await send("third", 204, "DELETE", "/third")
    assert (await send("first", 201)).content == first.content

    yesterday = "UPDATE cms.idempotency_keys SET created_at = now() - interval '25 hours'"
    await execute(site.postgres, site.database, yesterday)
    await pod.cms.background.run_once()
    assert await site.fetch("SELECT key FROM cms.idempotency_keys") == []
    assert (await usage(acme))["answerBytes"] == room - 10 - kept
    await send("third", 201)


async def test_a_tenant_whose_bytes_are_used_up_closes_a_hole_by_writes_that_have_keys(
    site: Site, acme: Desk
) -> None:
    await acme.make_type()
    shown = [await acme.publish_new(title="Hello", slug=f"s{number}") for number in range(2)]
    await acme.hire("editor")
    user = expect(await acme.client.get(f"{acme.root}/users"), 200)["items"][0]
    await limit(site, bytes=(await usage(acme))["bytes"])
    closing: list[tuple[str, str, object]] = [
        ("PATCH", f"/users/{user['id']}", {"active": False}),
        ("PATCH", "", {"deliveryAccess": "private"}),
        ("POST", f"/content-types/article/entries/{shown[0]['id']}/unpublish", None),
        ("POST", "/content-types/article/bulk/unpublish", {"items": [{"id": shown[1]["id"]}]}),
    ]
    for number, (method, path, body) in enumerate(closing):
        key = {"Idempotency-Key": f"write-{number}"}
        for _ in range(2):
            answer = await acme.client.request(method, acme.root + path, json=body, headers=key)
            expect(answer, 200)
        assert answer.headers["idempotency-replayed"] == "true"


async def test_what_a_deleted_user_wrote_stays_and_is_counted_as_before(
    site: Site, pod: Pod, acme: Desk
) -> None:
    await acme.make_type()
    editor = await pod.log_in("acme", await acme.hire("editor"))
    entry = await editor.publish_new(title="Hello", slug="hello")
    gone = await editor.draft(title="Gone")
    expect(await editor.client.delete(f"{acme.entries}/{gone['id']}"), 204)
    before = await usage(acme)
    expect(await acme.client.delete(f"{acme.root}/users/{entry['createdBy']}"), 204)
    assert expect(await acme.client.get(f"{acme.entries}/{entry['id']}"), 200)["createdBy"] is None
    assert await usage(acme) == before | {"users": before["users"] - 1} == await measured(site)


async def test_a_tenant_from_before_there_were_counters_is_measured_once(
    site: Site, acme: Desk
) -> None:
    await acme.make_type()
    entries = [await acme.publish_new(title="Hello", slug=f"s{n}") for n in range(3)]
    await execute(site.postgres, site.database, "DELETE FROM cms.tenant_usage")
    assert await usage(acme) == await measured(site)
    deletes = [acme.client.delete(f"{acme.entries}/{entry['id']}") for entry in entries[:2]]
    writes = [acme.client.post(acme.entries, json={"fields": {}}) for _ in range(3)]
    for answer in await asyncio.gather(*deletes, *writes):
        assert answer.status_code in {201, 204}
    assert await usage(acme) == await measured(site)


async def test_the_service_may_read_limits_and_write_none(site: Site, acme: Desk) -> None:
    await acme.make_type()
    url = site.postgres.url(site.database, f"{SERVICE_ROLE}:{SERVICE_PASSWORD}")
    connection = await asyncpg.connect(url)
    try:
        tables = ("limit_defaults", "tenant_limits", "tenant_usage")
        for table, column in (*((table, "what") for table in tables), ("kept_answers", "bytes")):
            for statement in (
                f"DELETE FROM cms.{table}",  # noqa: S608 - one of the names above
                f"UPDATE cms.{table} SET {column} = {column}",  # noqa: S608 - as above
            ):
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    await connection.execute(statement)
        assert await connection.fetchval("SELECT count(*) FROM cms.tenant_usage") == 0
    finally:
        await connection.close()


@pytest.fixture
def command_line(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    url = site.postgres.url(site.database, f"{OWNER_ROLE}:{OWNER_PASSWORD}")
    monkeypatch.setenv("DATABASE_URL", url)


@pytest.mark.usefixtures("command_line")
def test_limits_are_changed_from_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    limits = ["tenants", "limits", "acme"]
    assert cli.main(limits) == 0
    assert f"users {DefaultLimits().users} (default)\n" in capsys.readouterr().out
    assert cli.main([*limits, "--set", "users=7", "--set", "entries=9"]) == 0
    assert "users 7\n" in capsys.readouterr().out
    assert cli.main([*limits, "--reset", "users"]) == 0
    printed = capsys.readouterr().out
    assert "entries 9\n" in printed
    assert "users 7" not in printed


@pytest.mark.usefixtures("command_line")
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["acme", "--set", "users"], "--set takes"),
        (["acme", "--set", "users=-1"], "--set takes"),
        (["acme", "--set", f"users={'9' * 16}"], "--set takes"),
        (["acme", "--set", "cars=1"], "--set takes"),
        (["nobody", "--set", "users=1"], "no tenant nobody"),
    ],
)
def test_what_makes_no_limit_is_refused_in_a_sentence(
    capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    assert cli.main(["tenants", "limits", *arguments]) == 1
    assert said in capsys.readouterr().err
