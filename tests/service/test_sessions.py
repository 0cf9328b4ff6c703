"""How long one stays logged in, and everything that ends it: on every pod, whatever Redis knows."""

import asyncio
import base64
import hashlib
import os
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from cms_service.auth import throttle
from cms_service.auth.passwords import hash_password
from cms_service.core.rate_limiting.gcra import SECOND, Rule
from tests.service.servers import Redis
from tests.service.world import (
    OWNER_PASSWORD,
    OWNER_ROLE,
    PASSWORD,
    Desk,
    Pod,
    Site,
    execute,
    expect,
    expect_problem,
)
from tests.support.pages import DOCS, blocks

NEW_PASSWORD = "another horse, another battery"
# What the first release runs: one field for the newest token, and no parent, end or generation.
FIRST_START = """
redis.call('HSET', KEYS[1], 'token', ARGV[1], 'user', ARGV[2])
redis.call('EXPIRE', KEYS[1], 1000)
"""
FIRST_ROTATE = """
if redis.call('HGET', KEYS[1], 'token') ~= ARGV[1] then
  redis.call('DEL', KEYS[1])
  return 0
end
redis.call('HSET', KEYS[1], 'token', ARGV[2])
redis.call('EXPIRE', KEYS[1], 1000)
return 1
"""


@pytest.fixture
async def other_pod(site: Site) -> AsyncIterator[Pod]:
    async with site.pod() as other:
        yield other


async def refresh(pod: Pod, token: str, status: int = 200) -> Any:
    async with pod.client() as client:
        answer = await client.post("/v1/tenants/acme/auth/refresh", json={"refreshToken": token})
    return expect(answer, 200) if status == 200 else expect_problem(answer, status)


async def change_password(desk: Desk, current: str, new: str, status: int) -> None:
    body = {"currentPassword": current, "newPassword": new}
    expect(await desk.client.post(f"{desk.root}/auth/password", json=body), status)


async def start_of(pod: Pod) -> str:
    token: str = (await pod.log_in("acme")).tokens["refreshToken"]
    return token


async def test_a_client_that_lost_the_answer_gets_the_same_token_again(
    pod: Pod, other_pod: Pod
) -> None:
    first = await start_of(pod)
    second = (await refresh(pod, first))["refreshToken"]
    assert (await refresh(other_pod, first))["refreshToken"] == second
    third = (await refresh(other_pod, second))["refreshToken"]
    assert len({first, second, third}) == 3


async def test_a_token_whose_successor_was_used_ends_the_session(pod: Pod, other_pod: Pod) -> None:
    stolen = await start_of(pod)
    second = (await refresh(pod, stolen))["refreshToken"]
    third = (await refresh(pod, second))["refreshToken"]
    await refresh(other_pod, stolen, 401)
    await refresh(pod, third, 401)


async def age(pod: Pod, token: str, **fields: int) -> None:
    """Moves what Redis has noted of a session into the past, by milliseconds."""
    for name, milliseconds in fields.items():
        script = f"return redis.call('HINCRBY', KEYS[1], '{name}', -ARGV[1])"
        await pod.cms.redis.run_script(script, await key_of(pod, token), milliseconds)


async def key_of(pod: Pod, token: str) -> str:
    family = base64.urlsafe_b64decode(token)[:16].hex()
    keys = await pod.cms.redis.run_script("return redis.call('KEYS', ARGV[1])", "", f"*{family}")
    return str(keys[0].decode())


def is_kept_for(seconds: int, site: Site, key: str) -> bool:
    left = int(site.redis.command("TTL", key).strip(": \r\n"))
    return seconds - 100 < left <= seconds + 1


async def test_after_the_grace_a_used_token_ends_the_session(pod: Pod) -> None:
    first = await start_of(pod)
    second = (await refresh(pod, first))["refreshToken"]
    await age(pod, first, rotated=11_000)
    await refresh(pod, first, 401)
    await refresh(pod, second, 401)


async def test_a_session_ends_however_often_it_is_refreshed(site: Site) -> None:
    async with site.pod(REFRESH_TOKEN_SECONDS="500", SESSION_SECONDS="1000") as pod:
        answer = (await pod.log_in("acme")).tokens
        assert answer["refreshExpiresIn"] == 500
        await age(pod, answer["refreshToken"], ends=700_000)
        again = await refresh(pod, answer["refreshToken"])
        assert again["refreshExpiresIn"] in range(290, 301)
        await age(pod, again["refreshToken"], ends=300_000)
        await refresh(pod, again["refreshToken"], 401)


async def test_a_token_that_nobody_uses_is_forgotten_when_its_client_was_told(site: Site) -> None:
    async with site.pod(REFRESH_TOKEN_SECONDS="500", SESSION_SECONDS="1000") as pod:
        answer = (await pod.log_in("acme")).tokens
        key = await key_of(pod, answer["refreshToken"])
        assert is_kept_for(answer["refreshExpiresIn"], site, key)
        site.redis.command("EXPIRE", key, "200")  # it is used late
        answer = await refresh(pod, answer["refreshToken"])
        assert is_kept_for(answer["refreshExpiresIn"], site, key)
        await age(pod, answer["refreshToken"], ends=800_000)  # and again at the session's end
        answer = await refresh(pod, answer["refreshToken"])
        assert is_kept_for(answer["refreshExpiresIn"], site, key)
        site.redis.command("EXPIRE", key, "0")
        await refresh(pod, answer["refreshToken"], 401)


async def test_log_out_everywhere_ends_every_session_of_the_user_and_no_other(
    pod: Pod, other_pod: Pod, acme: Desk
) -> None:
    editor = await pod.log_in("acme", await acme.hire("editor"))
    here, there = await start_of(pod), await start_of(other_pod)
    desk = await pod.log_in("acme")
    expect(await desk.client.post(f"{desk.root}/auth/logout-everywhere"), 204)
    for token in (here, there, desk.tokens["refreshToken"]):
        await refresh(other_pod, token, 401)
    await refresh(other_pod, editor.tokens["refreshToken"])
    await refresh(other_pod, await start_of(pod))
    expect(await desk.client.get(desk.root), 200)  # until it expires


async def test_whoever_changes_the_password_logs_in_anew(pod: Pod, other_pod: Pod) -> None:
    desk, elsewhere = await pod.log_in("acme"), await start_of(other_pod)
    await change_password(desk, "not my password", NEW_PASSWORD, 403)
    await change_password(desk, PASSWORD, "short", 422)
    elsewhere = (await refresh(other_pod, elsewhere))["refreshToken"]
    await change_password(desk, PASSWORD, NEW_PASSWORD, 204)
    for token in (elsewhere, desk.tokens["refreshToken"]):
        await refresh(other_pod, token, 401)
    await other_pod.log_in("acme", password=NEW_PASSWORD)
    async with pod.client() as client:
        old = {"email": "owner@acme.example", "password": PASSWORD}
        expect_problem(await client.post("/v1/tenants/acme/auth/login", json=old), 401)


async def test_of_two_changes_at_once_one_password_holds(pod: Pod) -> None:
    desk = await pod.log_in("acme")
    passwords = [f"{NEW_PASSWORD}, {name}" for name in ("mine", "a thief's")]
    changes = [{"currentPassword": PASSWORD, "newPassword": new} for new in passwords]
    url = f"{desk.root}/auth/password"
    answers = await asyncio.gather(*(desk.client.post(url, json=change) for change in changes))
    statuses = [answer.status_code for answer in answers]
    assert sorted(statuses) in ([204, 403], [204, 409])
    await pod.log_in("acme", password=passwords[statuses.index(204)])


async def test_an_owner_who_sets_a_users_password_ends_the_users_sessions(
    pod: Pod, acme: Desk
) -> None:
    editor = await pod.log_in("acme", await acme.hire("editor"))
    user = expect(await acme.client.get(f"{acme.root}/users"), 200)["items"][0]
    url = f"{acme.root}/users/{user['id']}"
    expect(await acme.client.patch(url, json={"role": "viewer"}), 200)
    token = (await refresh(pod, editor.tokens["refreshToken"]))["refreshToken"]
    expect(await acme.client.patch(url, json={"password": NEW_PASSWORD}), 200)
    await refresh(pod, token, 401)


async def test_a_user_who_was_shut_out_and_let_in_again_logs_in_anew(pod: Pod, acme: Desk) -> None:
    editor = await pod.log_in("acme", await acme.hire("editor"))
    user = expect(await acme.client.get(f"{acme.root}/users"), 200)["items"][0]
    for active in (False, True):
        url = f"{acme.root}/users/{user['id']}"
        expect(await acme.client.patch(url, json={"active": active}), 200)
    await refresh(pod, editor.tokens["refreshToken"], 401)
    again = await pod.log_in("acme", user["email"])
    expect(await acme.client.patch(url, json={"active": True}), 200)  # as it is
    await refresh(pod, again.tokens["refreshToken"])


async def test_the_owner_of_the_tables_gives_a_lost_password_anew_as_the_page_says(
    site: Site, pod: Pod
) -> None:
    refresh_token = await start_of(pod)
    (script,) = blocks(DOCS / "tenants-and-people.md", "sql")
    url = site.postgres.url(site.database, f"{OWNER_ROLE}:{OWNER_PASSWORD}")
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(script.replace("$argon2id$…", hash_password(NEW_PASSWORD)))
    finally:
        await connection.close()
    await pod.log_in("acme", password=NEW_PASSWORD)
    await refresh(pod, refresh_token, 401)


async def test_a_token_of_another_tenant_ends_no_session_and_changes_no_password(
    pod: Pod, globex: Desk
) -> None:
    token = await start_of(pod)
    root = "/v1/tenants/acme/auth"
    expect_problem(await globex.client.post(f"{root}/logout-everywhere"), 403)
    body = {"currentPassword": PASSWORD, "newPassword": NEW_PASSWORD}
    expect_problem(await globex.client.post(f"{root}/password", json=body), 403)
    await refresh(pod, token)


async def test_a_user_who_was_deleted_has_nothing_to_end_or_change(pod: Pod, acme: Desk) -> None:
    editor = await pod.log_in("acme", await acme.hire("editor"))
    user = expect(await acme.client.get(f"{acme.root}/users"), 200)["items"][0]
    expect(await acme.client.delete(f"{acme.root}/users/{user['id']}"), 204)
    expect_problem(await editor.client.post(f"{editor.root}/auth/logout-everywhere"), 401)
    await change_password(editor, PASSWORD, NEW_PASSWORD, 401)


NOBODYS = base64.urlsafe_b64encode(bytes(48)).decode()


@pytest.mark.parametrize(
    "attempt",
    [
        ("refresh", "acme", NOBODYS, 401),
        ("refresh", "no-such-tenant", NOBODYS, 401),
        ("refresh", "acme", "gibberish", 401),
        ("logout", "acme", NOBODYS, 204),
        ("logout", "acme", "gibberish", 401),
    ],
)
async def test_tokens_that_are_nobodys_are_counted_by_address_and_lock_nobody_out(
    pod: Pod, other_pod: Pod, monkeypatch: pytest.MonkeyPatch, attempt: tuple[str, str, str, int]
) -> None:
    route, tenant, token, status = attempt
    monkeypatch.setattr(throttle, "NOBODYS_TOKENS", Rule(burst=4, interval=1000 * SECOND))
    here, there = await start_of(pod), await start_of(pod)
    url = f"/v1/tenants/{tenant}/auth/{route}"
    stranger = [asked.client(address="203.0.113.66") for asked in (pod, other_pod)]
    for number in range(4):
        answer = await stranger[number % 2].post(url, json={"refreshToken": token})
        expect(answer, status)
    for client in stranger:
        answer = await client.post(url, json={"refreshToken": token})
        expect_problem(answer, 429)
        assert 1 <= int(answer.headers["retry-after"]) <= 1000
    # Who has a session goes on from there, and who has none may begin one.
    acme = "/v1/tenants/acme/auth"
    expect(await stranger[0].post(f"{acme}/refresh", json={"refreshToken": here}), 200)
    expect(await stranger[0].post(f"{acme}/logout", json={"refreshToken": there}), 204)
    await refresh(pod, there, 401)
    login = {"email": "owner@acme.example", "password": PASSWORD}
    expect(await stranger[0].post(f"{acme}/login", json=login), 200)


async def test_sessions_ended_everywhere_stay_so_when_redis_comes_back_from_a_copy(
    site: Site, own_redis: Redis
) -> None:
    async with site.pod(REDIS_URL=own_redis.url) as pod:
        desk = await pod.log_in("acme")
        token = desk.tokens["refreshToken"]
        key = await key_of(pod, token)
        copy = "return redis.call('HGETALL', KEYS[1])"
        before = await pod.cms.redis.run_script(copy, key)
        own_redis.stop()
        expect(await desk.client.post(f"{desk.root}/auth/logout-everywhere"), 204)
        own_redis.start()
        await pod.find_redis_again()
        await refresh(pod, token, 401)  # lost
        restore = "return redis.call('HSET', KEYS[1], unpack(ARGV))"
        await pod.cms.redis.run_script(restore, key, *(item.decode() for item in before))
        await refresh(pod, token, 401)  # filled anew


def hash_of(token: str) -> str:
    return hashlib.sha256(base64.urlsafe_b64decode(token)[16:]).hexdigest()


async def test_a_session_of_the_first_release_goes_on_here_and_back_again(pod: Pod) -> None:
    """Both answer while one replaces the other."""
    model = await start_of(pod)
    key = await key_of(pod, model)
    peek = "return redis.call('HGET', KEYS[1], 'user')"
    user = (await pod.cms.redis.run_script(peek, key)).decode()
    await pod.cms.redis.delete(key)
    await pod.cms.redis.run_script(FIRST_START, key, hash_of(model), user)

    second = (await refresh(pod, model))["refreshToken"]
    assert (await refresh(pod, model))["refreshToken"] == second
    third = await refreshed_by_the_first_release(pod, second)
    fourth = (await refresh(pod, third))["refreshToken"]
    fifth = await refreshed_by_the_first_release(pod, fourth)
    # The grace is for the newest token's parent alone, also after a pod that notes none.
    await refresh(pod, third, 401)
    await refresh(pod, fifth, 401)


async def refreshed_by_the_first_release(pod: Pod, token: str) -> str:
    new = base64.urlsafe_b64encode(base64.urlsafe_b64decode(token)[:16] + os.urandom(32)).decode()
    hashes = hash_of(token), hash_of(new)
    assert await pod.cms.redis.run_script(FIRST_ROTATE, await key_of(pod, token), *hashes) == 1
    return new


async def test_a_password_that_the_first_release_changes_ends_sessions_here(
    pod: Pod, site: Site
) -> None:
    token = await start_of(pod)
    change = "UPDATE cms.users SET password_hash = coalesce('x', password_hash), role = role"
    await execute(site.postgres, site.database, change)
    await refresh(pod, token, 401)
