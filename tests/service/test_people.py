"""Roles, users, and what they may do, in a tenant at work."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any
from uuid import UUID

import httpx
import pytest

from cms_service.auth.subjects import ByGeneration
from cms_service.core.postgres.redone import Undone
from cms_service.core.postgres.statements import Statement
from cms_service.core.settings.default_limits import DefaultLimits
from cms_service.tenants.repository import TenantRepository
from cms_service.users.repository import UserRepository
from tests.service.test_content import held, until_waiting
from tests.service.world import PASSWORD, Desk, Pod, Site, execute, expect, expect_problem

READ = ["tenant:read", "content-types:read", "entries:read", "delivery:read"]
TRANSLATOR = {
    "name": "proof-reader",
    "displayName": "Proof-reader",
    "rules": [
        {"permissions": READ},
        {"permissions": ["entries:read"], "fields": ["views"], "deny": True},
        {"permissions": ["entries:update"], "contentTypes": ["article"], "fields": ["title"]},
    ],
}


async def make_role(desk: Desk, *rules: dict[str, Any], name: str = "helper") -> None:
    role = {"name": name, "displayName": name.title(), "rules": rules}
    expect(await desk.client.post(f"{desk.root}/roles", json=role), 201)


async def hired(pod: Pod, owner: Desk, role: str) -> tuple[Desk, str]:
    """At work, and the address of the user."""
    desk = await pod.log_in(owner.tenant, await owner.hire(role))
    users = expect(await owner.client.get(f"{owner.root}/users"), 200)["items"]
    return desk, f"{owner.root}/users/{users[0]['id']}"


async def test_a_custom_role_reads_and_writes_what_it_says(pod: Pod, acme: Desk) -> None:
    await acme.make_type()
    entry = await acme.draft(title="Helo", slug="hello", views=7)
    expect(await acme.client.post(f"{acme.root}/roles", json=TRANSLATOR), 201)
    reader, _ = await hired(pod, acme, "proof-reader")
    url = f"{acme.entries}/{entry['id']}"
    seen = expect(await reader.client.get(url), 200)
    assert seen["fields"] == {"title": "Helo", "slug": "hello"}
    assert expect(await reader.client.get(acme.entries), 200)["items"] == [seen]

    wrong = {"fields": {"title": "Hello", "slug": "other", "views": 8}}
    problem = expect_problem(await reader.client.put(url, json=wrong), 403)
    assert [error["pointer"] for error in problem["errors"]] == ["/fields/slug", "/fields/views"]
    expect(await reader.client.put(url, json={"fields": {"title": "Hello"}}), 200)
    kept = expect(await acme.client.get(url), 200)["fields"]
    assert kept == {"title": "Hello", "slug": "hello", "views": 7}

    expect_problem(await reader.client.post(acme.entries, json=wrong), 403)
    expect_problem(await reader.client.post(f"{url}/publish"), 403)
    expect_problem(await reader.client.delete(url), 403)


async def test_an_author_writes_only_their_own_entries(pod: Pod, acme: Desk) -> None:
    await acme.make_type()
    theirs = await acme.draft(title="The owner's", slug="a")
    author, _ = await hired(pod, acme, "author")
    own = await author.draft(title="Mine", slug="b")
    change = {"fields": {"title": "Changed", "slug": "b"}}
    expect(await author.client.put(f"{acme.entries}/{own['id']}", json=change), 200)
    await author.publish(own["id"])
    url = f"{acme.entries}/{theirs['id']}"
    expect(await author.client.get(url), 200)
    expect_problem(await author.client.put(url, json=change), 403)
    expect_problem(await author.client.post(f"{url}/publish"), 403)
    expect_problem(await author.client.post(f"{url}/unpublish"), 403)
    expect_problem(await author.client.delete(url), 403)
    expect(await author.client.delete(f"{acme.entries}/{own['id']}"), 204)


async def test_who_reads_only_their_own_entries_does_not_learn_of_others(
    pod: Pod, acme: Desk
) -> None:
    await acme.make_type()
    theirs = await acme.draft(title="The owner's", slug="a")
    await make_role(
        acme, {"permissions": ["entries:read", "entries:create", "entries:update"], "own": True}
    )
    helper, _ = await hired(pod, acme, "helper")
    own = await helper.draft(title="Mine", slug="b")
    items = expect(await helper.client.get(acme.entries), 200)["items"]
    assert [item["id"] for item in items] == [own["id"]]
    url = f"{acme.entries}/{theirs['id']}"
    expect_problem(await helper.client.get(url), 404)
    expect_problem(await helper.client.put(url, json={"fields": {}}), 404)


_LATER_RELEASE = """UPDATE cms.roles SET rules =
    '[{"permissions": ["entries:read", "content-types:read", "entries:export"]}]'"""


async def test_a_role_with_a_permission_of_a_later_release_goes_on_working(
    site: Site, pod: Pod, acme: Desk
) -> None:
    await acme.make_type()
    entry = await acme.draft(title="Hello", slug="hello")
    await make_role(acme, {"permissions": ["content-types:read"]})
    email = await acme.hire("helper")
    await execute(site.postgres, site.database, _LATER_RELEASE)
    helper = await pod.log_in(acme.tenant, email)
    expect(await helper.client.get(f"{acme.entries}/{entry['id']}"), 200)
    expect_problem(await helper.client.delete(f"{acme.entries}/{entry['id']}"), 403)

    role = expect(await acme.client.get(f"{acme.root}/roles/helper"), 200)
    assert role["rules"][0]["permissions"][-1] == "entries:export"
    key = {"name": "site", "role": "helper"}
    refused = expect_problem(await acme.client.post(f"{acme.root}/api-keys", json=key), 403)
    assert "entries:export" in refused["detail"]


async def test_a_role_for_one_type_opens_no_other(pod: Pod, acme: Desk) -> None:
    await acme.make_type()
    await acme.publish_new(title="Hello", slug="hello")
    limits = {"permissions": ["entries:read", "delivery:read"], "contentTypes": ["page"]}
    await make_role(acme, limits)
    helper, _ = await hired(pod, acme, "helper")
    expect_problem(await helper.client.get(acme.entries), 403)
    expect_problem(await helper.client.get(f"{acme.delivery}/hello"), 403)
    expect_problem(await helper.client.get(f"{acme.root}/content-types/page/entries"), 404)
    expect_problem(await helper.client.get(f"/v1/delivery/{acme.tenant}/page"), 404)


@pytest.mark.parametrize(
    "rules",
    [
        [{"permissions": ["owners:write"]}],
        [{"permissions": ["users:read"], "contentTypes": ["article"]}],
        [{"permissions": ["entries:publish"], "fields": ["title"]}],
        [{"permissions": ["entries:read"], "own": True, "deny": True}],
        [{"permissions": ["entries:everything"]}],
        [{"permissions": []}],
        [{"permissions": ["entries:read"]}] * 51,
        [{"permissions": ["entries:read"], "fields": ["a"] * 51}],
    ],
)
async def test_rules_that_mean_nothing_are_refused(acme: Desk, rules: list[object]) -> None:
    role = {"name": "helper", "displayName": "Helper", "rules": rules}
    expect_problem(await acme.client.post(f"{acme.root}/roles", json=role), 422)


@pytest.mark.parametrize("name", ["owner", "viewer", "Helper", "-"])
async def test_a_role_takes_no_built_in_name(acme: Desk, name: str) -> None:
    role = {"name": name, "displayName": "Helper", "rules": []}
    expect_problem(await acme.client.post(f"{acme.root}/roles", json=role), 422)


async def test_a_role_goes_when_nobody_has_it(pod: Pod, acme: Desk) -> None:
    await make_role(acme, {"permissions": READ})
    url = f"{acme.root}/roles/helper"
    again = {"name": "helper", "displayName": "Other", "rules": []}
    expect_problem(await acme.client.post(f"{acme.root}/roles", json=again), 409)
    _, user = await hired(pod, acme, "helper")
    expect_problem(await acme.client.delete(url), 409)
    expect(await acme.client.patch(user, json={"role": "viewer"}), 200)
    expect(await acme.client.delete(url), 204)
    expect_problem(await acme.client.get(url), 404)
    expect_problem(await acme.client.patch(user, json={"role": "helper"}), 422)
    assert expect(await acme.client.get(f"{acme.root}/roles"), 200)["items"] == []


async def test_however_many_make_roles_at_once_a_tenant_has_a_bounded_number(
    site: Site, acme: Desk
) -> None:
    fill = """INSERT INTO cms.roles (tenant_id, id, name, display_name, rules)
              SELECT id, gen_random_uuid(), 'role-' || n, 'Role', '[]'
              FROM cms.tenants, generate_series(1, %d) n WHERE name = 'acme'"""
    await execute(site.postgres, site.database, fill % (DefaultLimits().roles - 3))
    roles = [{"name": f"new-{n}", "displayName": "New", "rules": []} for n in range(8)]
    made = [acme.client.post(f"{acme.root}/roles", json=role) for role in roles]
    statuses = sorted(answer.status_code for answer in await asyncio.gather(*made))
    assert statuses == [201] * 3 + [403] * 5


async def test_nobody_gives_takes_or_changes_more_than_they_have(pod: Pod, acme: Desk) -> None:
    owner_url = (
        f"{acme.root}/users/"
        + (expect(await acme.client.get(f"{acme.root}/users"), 200)["items"][0]["id"])
    )
    admin, admin_url = await hired(pod, acme, "admin")
    user = {"email": "x@acme.example", "password": PASSWORD, "role": "owner"}
    expect_problem(await admin.client.post(f"{acme.root}/users", json=user), 403)
    expect_problem(await admin.client.patch(admin_url, json={"role": "owner"}), 403)
    expect_problem(await admin.client.patch(owner_url, json={"password": PASSWORD}), 403)
    expect_problem(await admin.client.patch(owner_url, json={"active": False}), 403)
    expect_problem(await admin.client.delete(owner_url), 403)

    staff = {"permissions": ["users:read", "users:write", "roles:read", "roles:write"]}
    await make_role(acme, staff, name="personnel")
    await make_role(acme, {"permissions": READ}, name="reader")
    clerk, _ = await hired(pod, acme, "personnel")
    expect_problem(await clerk.client.delete(admin_url), 403)
    wider = {"displayName": "Personnel", "rules": [staff, {"permissions": READ}]}
    expect_problem(await clerk.client.put(f"{acme.root}/roles/personnel", json=wider), 403)
    new = wider | {"name": "a-new-one"}
    expect_problem(await clerk.client.post(f"{acme.root}/roles", json=new), 403)
    smaller = {"displayName": "Reader", "rules": []}
    expect_problem(await clerk.client.put(f"{acme.root}/roles/reader", json=smaller), 403)
    expect_problem(await clerk.client.delete(f"{acme.root}/roles/reader"), 403)


async def test_of_two_owners_who_leave_at_once_one_stays(pod: Pod, acme: Desk) -> None:
    other, url = await hired(pod, acme, "admin")
    expect(await acme.client.patch(url, json={"role": "owner"}), 200)
    users = f"{acme.root}/users"
    first = next(
        f"{users}/{user['id']}"
        for user in expect(await acme.client.get(users), 200)["items"]
        if not url.endswith(user["id"])
    )
    answers = await asyncio.gather(
        acme.client.patch(first, json={"role": "viewer"}),
        other.client.patch(url, json={"active": False}),
    )
    assert sorted(answer.status_code for answer in answers) in ([200, 409], [200, 401])


async def test_an_owner_who_is_out_does_not_stand_in_for_the_last_one(pod: Pod, acme: Desk) -> None:
    (owner,) = expect(await acme.client.get(f"{acme.root}/users"), 200)["items"]
    last = f"{acme.root}/users/{owner['id']}"
    _, other = await hired(pod, acme, "admin")
    expect(await acme.client.patch(other, json={"role": "owner", "active": False}), 200)
    expect_problem(await acme.client.patch(last, json={"role": "admin"}), 409)
    expect_problem(await acme.client.patch(last, json={"active": False}), 409)
    expect_problem(await acme.client.delete(last), 409)
    expect(await acme.client.patch(other, json={"active": True}), 200)
    expect(await acme.client.delete(last), 204)


async def test_who_became_an_owner_meanwhile_is_beyond_an_admins_reach(
    site: Site, pod: Pod, acme: Desk
) -> None:
    admin, _ = await hired(pod, acme, "admin")
    _, url = await hired(pod, acme, "editor")
    editor = "SELECT FROM cms.users WHERE email = 'editor@acme.example' FOR UPDATE"
    async with held(site, editor):
        promoted = asyncio.create_task(acme.client.patch(url, json={"role": "owner"}))
        await until_waiting(site, 1)
        change = {"password": "known to the admin"}
        taken_over = asyncio.create_task(admin.client.patch(url, json=change))
        await until_waiting(site, 2)
    expect(await promoted, 200)
    expect_problem(await taken_over, 403)


async def test_a_deactivated_user_is_out_until_activated_again(pod: Pod, acme: Desk) -> None:
    editor, url = await hired(pod, acme, "editor")
    expect(await editor.client.get(acme.root), 200)
    assert expect(await acme.client.patch(url, json={"active": False}), 200)["active"] is False
    expect_problem(await editor.client.get(acme.root), 401)
    async with pod.client() as client:
        auth = f"{acme.root}/auth"
        login = {"email": "editor@acme.example", "password": PASSWORD}
        expect_problem(await client.post(f"{auth}/login", json=login), 401)
        token = {"refreshToken": editor.tokens["refreshToken"]}
        expect_problem(await client.post(f"{auth}/refresh", json=token), 401)
    expect(await acme.client.patch(url, json={"active": True}), 200)
    expect(await editor.client.get(acme.root), 200)


@pytest.fixture
async def two_pods(site: Site) -> AsyncIterator[tuple[Pod, Pod]]:
    async with site.pod() as here, site.pod() as there:
        yield here, there


async def until(ask: Any, status: int) -> None:
    """Within a second of now, reckoned from when a question is sent."""
    since = time.monotonic()
    while True:
        asked = time.monotonic()
        answer: httpx.Response = await ask()
        if answer.status_code == status:
            return
        assert asked - since < 1, answer.text
        await asyncio.sleep(0.02)


async def test_changes_of_people_hold_on_every_pod_within_a_second(
    two_pods: tuple[Pod, Pod],
) -> None:
    here, there = two_pods
    acme = await here.log_in("acme")
    await acme.make_type()
    await make_role(acme, {"permissions": READ})
    helper, user = await hired(here, acme, "helper")
    role = f"{acme.root}/roles/helper"
    async with there.client(helper.tokens["accessToken"]) as elsewhere:
        expect(await elsewhere.get(acme.entries), 200)
        expect(await acme.client.put(role, json={"displayName": "Helper", "rules": []}), 200)
        expect_problem(await helper.client.get(acme.entries), 403)
        await until(lambda: elsewhere.get(acme.entries), 403)
        expect(await acme.client.patch(user, json={"role": "editor"}), 200)
        await until(lambda: elsewhere.get(acme.entries), 200)
        expect(await acme.client.patch(user, json={"active": False}), 200)
        await until(lambda: elsewhere.get(acme.entries), 401)
        expect(await acme.client.patch(user, json={"active": True}), 200)
        await until(lambda: elsewhere.get(acme.entries), 200)
        expect(await acme.client.delete(user), 204)
        await until(lambda: elsewhere.get(acme.entries), 401)


async def test_rights_that_requests_share_are_not_read_from_a_write_that_may_be_undone(
    pod: Pod,
) -> None:
    acme = await pod.log_in("acme")
    me = expect(await acme.client.get(f"{acme.root}/users"), 200)["items"][0]["id"]
    database = pod.cms.database
    tenant = (await TenantRepository(database).states(["acme"])).states["acme"]
    rights = ByGeneration(UserRepository(database).subject)
    deactivate = Statement(
        "test", "UPDATE cms.users SET deactivated_at = now() RETURNING '{}'::jsonb"
    )
    with suppress(Undone):
        async with database.transaction(tenant.id) as scope:
            with scope.joined():
                await database.query(tenant.id, deactivate)
                assert await rights.get(tenant, UUID(me)) is not None
            raise Undone("as the database does it")
