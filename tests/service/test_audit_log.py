"""Who did what to which object and when."""

import asyncpg

from tests.service.world import PASSWORD, Desk, Pod, Site, execute, expect, expect_problem


async def log_of(desk: Desk, query: str = "") -> list[dict[str, object]]:
    page = expect(await desk.client.get(f"{desk.root}/audit-log?limit=100{query}"), 200)
    items: list[dict[str, object]] = page["items"]
    return items


async def test_each_write_is_noted_with_its_actor_and_without_secrets(
    pod: Pod, acme: Desk, globex: Desk
) -> None:
    await acme.make_type()
    editor = await pod.log_in("acme", await acme.hire("editor"))
    entry = await editor.draft(title="Hello", slug="hello")
    await editor.publish(entry["id"])
    url = f"{acme.entries}/{entry['id']}"
    expect(await acme.client.patch(url, json={"fields": {"title": "Edited"}}), 200)
    expect(await acme.client.post(f"{url}/unpublish"), 200)
    expect(await acme.client.delete(url), 204)
    expect(await acme.client.patch(acme.root, json={"displayName": "Acme Ltd"}), 200)
    editor_id = entry["createdBy"]
    change = {"password": "another good password"}
    expect(await acme.client.patch(f"{acme.root}/users/{editor_id}", json=change), 200)
    expect(await acme.client.delete(f"{acme.root}/users/{editor_id}"), 204)

    owner_id = (await log_of(acme, "&action=deleted"))[0]["actor"]
    names = {owner_id: "owner", editor_id: "editor"}
    log = await log_of(acme)
    told = [(names[note["actor"]], note["action"], note["objectKind"]) for note in log[::-1]]
    assert told[-11:] == [
        ("owner", "created", "content-type"),
        ("owner", "created", "user"),
        ("editor", "logged-in", "user"),
        ("editor", "created", "entry"),
        ("editor", "published", "entry"),
        ("owner", "saved", "entry"),
        ("owner", "unpublished", "entry"),
        ("owner", "deleted", "entry"),
        ("owner", "changed", "tenant"),
        ("owner", "changed", "user"),
        ("owner", "deleted", "user"),
    ]
    assert log[1]["details"] == {
        "email": "editor@acme.example",
        "role": "editor",
        "active": True,
        "passwordChanged": True,
    }
    for secret in ("another good password", PASSWORD, "argon2"):
        assert secret not in str(log)
    assert editor_id not in str(await log_of(globex))


async def test_a_wrong_password_is_noted_and_a_write_that_is_refused_is_not(
    pod: Pod, acme: Desk
) -> None:
    await acme.make_type()
    before = await log_of(acme)
    credentials = {"email": "owner@acme.example", "password": "wrong password"}
    async with pod.client() as client:
        for email in (credentials["email"], "nobody@acme.example"):
            login = await client.post(
                f"{acme.root}/auth/login", json=credentials | {"email": email}
            )
            expect_problem(login, 401)
    body = {"fields": {"title": 3}}
    expect_problem(await acme.client.post(acme.entries, json=body), 422)
    notes = (await log_of(acme))[: -len(before)]
    assert [(note["action"], note["actor"]) for note in notes] == [("log-in-failed", None)] * 2


async def test_the_log_is_filtered_and_read_page_by_page_by_owners(pod: Pod, acme: Desk) -> None:
    await acme.make_type()
    entries = [await acme.draft(title=str(number)) for number in range(5)]
    seen, cursor = [], ""
    while cursor is not None:
        query = "?limit=2&action=created&objectKind=entry" + (cursor and f"&cursor={cursor}")
        page = expect(await acme.client.get(f"{acme.root}/audit-log{query}"), 200)
        seen += [note["objectId"] for note in page["items"]]
        cursor = page["nextCursor"]
    assert seen == [entry["id"] for entry in entries[::-1]]
    note = (await log_of(acme, f"&objectId={entries[2]['id']}&actor={entries[2]['createdBy']}"))[0]
    moment = str(note["at"])
    assert note not in await log_of(acme, f"&until={moment}")
    assert note in await log_of(acme, f"&since={moment}")
    for wrong in ("?action=X", "?since=yesterday", "?actor=me"):
        expect_problem(await acme.client.get(f"{acme.root}/audit-log{wrong}"), 422)
    expect_problem(await acme.client.get(f"{acme.root}/audit-log?user=me"), 400)
    editor = await pod.log_in("acme", await acme.hire("editor"))
    theirs = (await editor.draft(title="theirs"))["createdBy"]
    assert {note["actor"] for note in await log_of(acme, f"&actor={theirs}")} == {theirs}
    expect_problem(await editor.client.get(f"{acme.root}/audit-log"), 403)


_NEVER_PURGED = "UPDATE cms.audit_log_purged SET until = '-infinity'"


async def test_notes_go_when_their_time_is_over(site: Site, pod: Pod, acme: Desk) -> None:
    await acme.make_type()
    await acme.draft(title="old")
    await execute(
        site.postgres,
        site.database,
        "UPDATE cms.audit_log SET at = now() - interval '366 days'",
        _NEVER_PURGED,
    )
    entry = await acme.draft(title="new")
    await pod.cms.background.run_once()
    assert [note["objectId"] for note in await log_of(acme)] == [entry["id"]]


# As many that are old as are new.
_NOTES = """INSERT INTO cms.audit_log (tenant_id, at, action, object_kind, object_id)
    SELECT o.id, now() - age.days * interval '1 day' - n * interval '1 second', 'saved', 'entry',
           gen_random_uuid()
    FROM cms.tenants o, generate_series(1, 10000) n, (VALUES (1), (366)) AS age(days)"""
_PAGES = """SELECT heap_blks_hit + heap_blks_read + idx_blks_hit + idx_blks_read
    FROM pg_statio_user_tables WHERE relname = 'audit_log'"""


async def test_a_look_for_old_notes_does_not_go_through_those_that_are_gone(site: Site) -> None:
    without_vacuum = "ALTER TABLE cms.audit_log SET (autovacuum_enabled = false)"
    await execute(
        site.postgres, site.database, without_vacuum, _NOTES, "ANALYZE cms.audit_log", _NEVER_PURGED
    )
    connection = await asyncpg.connect(site.postgres.superuser_url(site.database))

    async def purge() -> int:
        gone: int = await connection.fetchval("SELECT cms.purge_audit_log(365, 1000)")
        await connection.execute("SELECT pg_stat_force_next_flush()")
        return gone

    try:
        total = 0
        while gone := await purge():
            total += gone
        assert total == 20_000
        an_hour = "UPDATE cms.audit_log_purged SET until = until - interval '1 hour'"
        await connection.execute(an_hour)
        before = await connection.fetchval(_PAGES)
        assert await purge() == 0
        assert await connection.fetchval(_PAGES) - before < 20
    finally:
        await connection.close()
        with_vacuum = "ALTER TABLE cms.audit_log RESET (autovacuum_enabled)"
        await execute(site.postgres, site.database, with_vacuum)
