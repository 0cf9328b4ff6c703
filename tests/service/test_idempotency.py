"""A write that names itself by an Idempotency-Key is done once, however often it is sent."""

import asyncio
from typing import Any

import asyncpg
import httpx
import pytest

from tests.service.waiting import eventually
from tests.service.world import PASSWORD, Desk, Pod, Site, execute, expect, expect_problem

KEY = {"Idempotency-Key": "5f0c8a52-save-the-article"}
HELLO = {"fields": {"title": "Hello", "slug": "hello"}}


async def save(desk: Desk, body: object = HELLO, **headers: str) -> httpx.Response:
    return await desk.client.post(desk.entries, json=body, headers=KEY | headers)


async def count(desk: Desk) -> int:
    return len(expect(await desk.client.get(desk.entries), 200)["items"])


async def test_a_client_that_lost_the_answer_gets_it_again_and_nothing_is_made_twice(
    acme: Desk,
) -> None:
    await acme.make_type()
    first, second = await save(acme), await save(acme)
    assert (first.status_code, second.status_code) == (201, 201)
    assert second.content == first.content
    assert second.headers["etag"] == first.headers["etag"]
    assert "idempotency-replayed" not in first.headers
    assert second.headers["idempotency-replayed"] == "true"
    assert second.headers["x-request-id"] != first.headers["x-request-id"]
    assert await count(acme) == 1


async def test_a_publication_that_is_sent_again_is_the_first_one(acme: Desk) -> None:
    await acme.make_type()
    entry = await acme.draft(title="Hello", slug="hello")
    url = f"{acme.entries}/{entry['id']}/publish"
    first = await acme.client.post(url, headers=KEY)
    again = await acme.client.post(url, headers=KEY)
    assert expect(again, 200) == expect(first, 200)
    assert again.headers["x-hcms-generation"] == first.headers["x-hcms-generation"]


async def test_a_removal_that_is_sent_again_has_succeeded(acme: Desk) -> None:
    await acme.make_type()
    entry = await acme.draft(title="Hello", slug="hello")
    for _ in range(2):
        answer = await acme.client.delete(f"{acme.entries}/{entry['id']}", headers=KEY)
        expect(answer, 204)


async def test_of_many_at_once_on_two_pods_one_writes(site: Site, acme: Desk) -> None:
    await acme.make_type()
    async with site.pod() as other:
        await other.become_ready()
        elsewhere = await other.log_in("acme")
        sent = [save(desk) for desk in (acme, elsewhere) for _ in range(4)]
        answers = await asyncio.gather(*sent)
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    assert sum("idempotency-replayed" not in answer.headers for answer in answers) == 1
    assert await count(acme) == 1


async def test_a_key_that_stood_for_another_request_is_refused(acme: Desk) -> None:
    await acme.make_type()
    entry = expect(await save(acme), 201)
    other = {"fields": {"title": "Another", "slug": "another"}}
    problem = expect_problem(await save(acme, other), 422)
    assert "Idempotency-Key" in problem["detail"]
    url = f"{acme.entries}/{entry['id']}"
    expect_problem(await acme.client.put(url, json=HELLO, headers=KEY), 422)
    assert await count(acme) == 1
    assert expect(await acme.client.get(url), 200)["version"] == 1


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"fields": {"title": "Hello", "slug": "Not a slug"}}, 422),
        ({"fields": {"title": "Hello", "slug": "taken"}}, 409),
        ({"wrong": True}, 422),
    ],
    ids=["a field is wrong", "the slug is taken", "not an entry at all"],
)
async def test_what_was_refused_leaves_its_key_free(acme: Desk, body: object, status: int) -> None:
    await acme.make_type()
    await acme.draft(title="Taken", slug="taken")
    expect_problem(await save(acme, body), status)
    again = await save(acme)
    expect(again, 201)
    assert "idempotency-replayed" not in again.headers
    assert await count(acme) == 2


async def test_a_key_is_its_users_own(pod: Pod, acme: Desk) -> None:
    await acme.make_type()
    expect(await save(acme), 201)
    editor = await pod.log_in("acme", await acme.hire("editor"))
    mine = await save(editor, {"fields": {"title": "Mine", "slug": "mine"}})
    assert expect(mine, 201)["fields"]["title"] == "Mine"
    globex = await pod.log_in("globex")
    await globex.make_type()
    assert expect(await save(globex), 201)["createdBy"] != expect(mine, 201)["createdBy"]
    assert (await count(acme), await count(globex)) == (2, 1)


async def test_a_write_whose_pod_loses_the_database_is_not_half_done(
    site: Site, acme: Desk
) -> None:
    await acme.make_type()
    watcher: Any = await asyncpg.connect(site.postgres.superuser_url(site.database))
    try:
        async with watcher.transaction():
            await watcher.execute("SELECT FROM cms.content_types FOR UPDATE")
            writing = asyncio.create_task(save(acme))
            await until_one_waits(watcher)
            expect_problem(await acme.client.post(acme.entries, json=HELLO, headers=KEY), 409)
            await watcher.execute(
                """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                   WHERE wait_event_type = 'Lock' AND datname = current_database()"""
            )
            expect_problem(await writing, 503)
        assert await watcher.fetchval("SELECT count(*) FROM cms.idempotency_keys") == 0
    finally:
        await watcher.close()
    assert "idempotency-replayed" not in (await save(acme)).headers
    assert await count(acme) == 1


async def until_one_waits(watcher: Any) -> None:
    waiting = """SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid)
        WHERE NOT l.granted AND a.datname = current_database()"""
    await eventually(lambda: watcher.fetchval(waiting), bool, "one waits for a lock")


async def test_a_day_later_a_key_is_new_and_old_ones_go(site: Site, pod: Pod, acme: Desk) -> None:
    await acme.make_type()
    for key in ("a", "b"):
        body = {"fields": {"title": key}}
        expect(await save(acme, body, **{"Idempotency-Key": key}), 201)
    expect(await save(acme), 201)
    yesterday = "UPDATE cms.idempotency_keys SET created_at = now() - interval '25 hours'"
    await execute(site.postgres, site.database, yesterday)
    body = {"fields": {"title": "Another day"}}
    again = await save(acme, body)
    assert expect(again, 201)["fields"] == body["fields"]
    await pod.cms.background.run_once()
    connection = await asyncpg.connect(site.postgres.superuser_url(site.database))
    try:
        kept = await connection.fetch("SELECT key FROM cms.idempotency_keys")
    finally:
        await connection.close()
    assert [row["key"] for row in kept] == [KEY["Idempotency-Key"]]


async def test_a_write_with_a_key_from_days_ago_holds_up_no_other_named_write(
    site: Site, acme: Desk
) -> None:
    await acme.make_type()
    old = {"Idempotency-Key": "from-days-ago"}
    role = {"name": "first", "displayName": "First", "rules": []}
    expect(await acme.client.post(f"{acme.root}/roles", json=role, headers=old), 201)
    days_ago = "UPDATE cms.idempotency_keys SET created_at = now() - interval '3 days'"
    await execute(site.postgres, site.database, days_ago)
    watcher: Any = await asyncpg.connect(site.postgres.superuser_url(site.database))
    try:
        async with watcher.transaction():
            await watcher.execute("SELECT FROM cms.content_types FOR UPDATE")
            writing = asyncio.create_task(save(acme, **old))
            await until_one_waits(watcher)
            role["name"] = "second"
            expect(await acme.client.post(f"{acme.root}/roles", json=role, headers=KEY), 201)
            assert not writing.done()
        first = await writing
    finally:
        await watcher.close()
    again = await save(acme, **old)
    assert expect(again, 201) == expect(first, 201)
    assert "idempotency-replayed" not in first.headers
    usage = expect(await acme.client.get(f"{acme.root}/usage"), 200)
    kept = await site.fetch("SELECT sum(octet_length(body)) AS bytes FROM cms.idempotency_keys")
    assert usage["answerBytes"]["used"] == kept[0]["bytes"]


@pytest.mark.parametrize("key", ["", "a b", "ä", "x" * 256])
async def test_a_key_that_is_none_is_refused(acme: Desk, key: str) -> None:
    await acme.make_type()
    headers = {b"Idempotency-Key": key.encode()}
    answer = await acme.client.post(acme.entries, json=HELLO, headers=headers)
    expect_problem(answer, 422)
    assert await count(acme) == 0


async def test_where_it_would_mean_nothing_it_is_refused(acme: Desk) -> None:
    body = {"email": "owner@acme.example", "password": "wrong"}
    answer = await acme.client.post(f"{acme.root}/auth/login", json=body, headers=KEY)
    assert "Idempotency-Key" in expect_problem(answer, 400)["detail"]
    expect_problem(await acme.client.get(f"{acme.root}/users", headers=KEY), 400)


async def test_a_named_write_needs_no_second_connection(
    site: Site, acme: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor does one that was let in so long ago that its tenant would be asked for again."""
    monkeypatch.setattr("cms_service.tenants.directory.FRESH_SECONDS", 0)
    one = site.environment()["DATABASE_URL"].replace("connection_limit=5", "connection_limit=1")
    await acme.make_type()
    async with site.pod(DATABASE_URL=one) as narrow:
        desk = Desk(narrow.client(acme.tokens["accessToken"]), acme.tenant)
        articles = [{"fields": {"title": title}} for title in ("One", "Two")]
        saved = [
            save(desk, body, **{"Idempotency-Key": f"article-{n}"})
            for n, body in enumerate(articles)
        ]
        for answer in await asyncio.gather(*saved):
            expect(answer, 201)
        hired = {"email": "editor@acme.example", "password": PASSWORD, "role": "editor"}
        expect(await desk.client.post(f"{desk.root}/users", json=hired, headers=KEY), 201)


async def test_what_a_named_write_changed_shows_on_its_pod_at_once(
    pod: Pod, acme: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It does not wait until the tenant would be asked for again."""
    for name in ("AHEAD_SECONDS", "FRESH_SECONDS"):
        monkeypatch.setattr(f"cms_service.tenants.directory.{name}", 3600)
    await acme.make_type()
    entry = await acme.draft(title="Hello", slug="hello")
    url = f"{acme.delivery}/hello"
    expect_problem(await acme.client.get(url), 404)
    expect(await acme.client.post(f"{acme.entries}/{entry['id']}/publish", headers=KEY), 200)
    expect(await acme.client.get(url), 200)

    editor = await pod.log_in("acme", await acme.hire("editor"))
    expect(await editor.client.get(url), 200)
    (user,) = [
        user
        for user in expect(await acme.client.get(f"{acme.root}/users"), 200)["items"]
        if user["role"] == "editor"
    ]
    out = f"{acme.root}/users/{user['id']}"
    other_key = {"Idempotency-Key": "out"}
    expect(await acme.client.patch(out, json={"active": False}, headers=other_key), 200)
    expect_problem(await editor.client.get(url), 401)


async def test_what_is_kept_of_a_request_is_no_quick_way_to_its_password(
    site: Site, acme: Desk
) -> None:
    """A fingerprint is a fast hash, in the database and in each backup of it."""
    user = {"email": "new@acme.example", "password": PASSWORD, "role": "editor"}
    made = expect(await acme.client.post(f"{acme.root}/users", json=user, headers=KEY), 201)
    for key, password in (("a", "first of two passwords"), ("b", "second of two passwords")):
        answer = await acme.client.patch(
            f"{acme.root}/users/{made['id']}",
            json={"password": password},
            headers={"Idempotency-Key": key},
        )
        expect(answer, 200)
    kept = await site.fetch("SELECT fingerprint FROM cms.idempotency_keys WHERE key IN ('a', 'b')")
    assert len({row["fingerprint"] for row in kept}) == 1

    again = user | {"password": "another password"}
    answer = await acme.client.post(f"{acme.root}/users", json=again, headers=KEY)
    assert expect(answer, 201) == made
    assert answer.headers["idempotency-replayed"] == "true"
    for other in (user | {"role": "author"}, user | {"email": "other@acme.example"}):
        refused = await acme.client.post(f"{acme.root}/users", json=other, headers=KEY)
        expect_problem(refused, 422)
