"""Logging in, staying logged in, and everything that must not let anyone in."""

import asyncio
import base64
import hmac
import json
import re
import threading
import time
from collections import Counter
from collections.abc import Callable
from uuid import uuid4

import argon2
import asyncpg
import jwt
import pytest

from cms_service.auth import passwords
from tests.service.waiting import until
from tests.service.world import (
    JWT_KEY,
    PASSWORD,
    Desk,
    Pod,
    Site,
    expect,
    expect_problem,
    owner_email,
)

LOGIN = "/v1/tenants/acme/auth/login"
REFRESH = "/v1/tenants/acme/auth/refresh"


async def test_an_owner_logs_in_and_sees_the_tenant(pod: Pod) -> None:
    acme = await pod.log_in("acme")
    assert acme.tokens["tokenType"] == "Bearer"
    tenant = expect(await acme.client.get(acme.root), 200)
    assert tenant["name"] == "acme"
    assert tenant["deliveryAccess"] == "private"


async def test_the_address_is_not_case_sensitive_and_the_password_is(pod: Pod) -> None:
    await pod.log_in("acme", owner_email("acme").upper())
    async with pod.client() as client:
        body = {"email": owner_email("acme"), "password": PASSWORD.upper()}
        expect_problem(await client.post(LOGIN, json=body), 401)


@pytest.mark.parametrize(
    ("tenant", "email", "password"),
    [
        ("acme", owner_email("acme"), "wrong"),
        ("acme", "nobody@acme.example", PASSWORD),
        ("acme", owner_email("globex"), PASSWORD),
        ("no-such-tenant", owner_email("acme"), PASSWORD),
    ],
)
async def test_nobody_learns_what_was_wrong(
    pod: Pod, tenant: str, email: str, password: str
) -> None:
    async with pod.client() as client:
        answer = await client.post(
            f"/v1/tenants/{tenant}/auth/login", json={"email": email, "password": password}
        )
    problem = expect_problem(answer, 401)
    assert problem["detail"] == "The e-mail address or the password is wrong."


async def test_a_refresh_token_is_good_for_one_use(pod: Pod) -> None:
    acme = await pod.log_in("acme")
    async with pod.client() as client:
        first = {"refreshToken": acme.tokens["refreshToken"]}
        second = expect(await client.post(REFRESH, json=first), 200)
        third = await client.post(REFRESH, json={"refreshToken": second["refreshToken"]})
    assert (
        len(
            {
                acme.tokens["refreshToken"],
                second["refreshToken"],
                expect(third, 200)["refreshToken"],
            }
        )
        == 3
    )


async def test_a_refresh_whose_answer_from_redis_was_lost_is_repeated_without_harm(
    pod: Pod, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client of a Redis Cluster asks again by itself after a time-out."""
    acme = await pod.log_in("acme")
    run_script = pod.cms.redis.run_script

    async def twice(script: str, key: str, *args: str | int) -> object:
        await run_script(script, key, *args)
        return await run_script(script, key, *args)

    monkeypatch.setattr(pod.cms.redis, "run_script", twice)
    async with pod.client() as client:
        token = {"refreshToken": acme.tokens["refreshToken"]}
        successor = expect(await client.post(REFRESH, json=token), 200)["refreshToken"]
        expect(await client.post(REFRESH, json={"refreshToken": successor}), 200)


async def test_a_refresh_token_works_in_its_own_tenant_only(pod: Pod) -> None:
    acme = await pod.log_in("acme")
    token = {"refreshToken": acme.tokens["refreshToken"]}
    async with pod.client() as client:
        expect_problem(await client.post("/v1/tenants/globex/auth/refresh", json=token), 401)
        expect(await client.post(REFRESH, json=token), 200)


async def test_after_a_log_out_there_is_nothing_to_refresh(pod: Pod) -> None:
    acme = await pod.log_in("acme")
    token = {"refreshToken": acme.tokens["refreshToken"]}
    async with pod.client() as client:
        expect(await client.post("/v1/tenants/acme/auth/logout", json=token), 204)
        expect_problem(await client.post(REFRESH, json=token), 401)


async def test_a_deleted_user_cannot_refresh(pod: Pod, acme: Desk) -> None:
    email = await acme.hire("editor")
    editor = await pod.log_in("acme", email)
    users = expect(await acme.client.get(f"{acme.root}/users"), 200)["items"]
    editor_id = next(user["id"] for user in users if user["email"] == email)
    expect(await acme.client.delete(f"{acme.root}/users/{editor_id}"), 204)
    async with pod.client() as client:
        token = {"refreshToken": editor.tokens["refreshToken"]}
        expect_problem(await client.post(REFRESH, json=token), 401)


async def test_redis_holds_no_refresh_token(pod: Pod) -> None:
    acme = await pod.log_in("acme")
    raw = base64.urlsafe_b64decode(acme.tokens["refreshToken"])
    stored = pod.cms.redis
    keys = await stored.run_script("return redis.call('KEYS', '*')", "unused")
    values = [await stored.run_script("return redis.call('DUMP', KEYS[1])", key) for key in keys]
    everything = b"".join([*keys, *(value for value in values if value)])
    assert keys
    assert acme.tokens["refreshToken"].encode() not in everything
    assert raw[16:] not in everything
    assert raw[16:].hex().encode() not in everything


async def test_a_deleted_user_writes_nothing_with_a_token_that_is_still_good(
    pod: Pod, acme: Desk
) -> None:
    await acme.make_type()
    editor = await pod.log_in("acme", await acme.hire("editor"))
    entry = await editor.draft(title="Stays")
    users = expect(await acme.client.get(f"{acme.root}/users"), 200)["items"]
    expect(await acme.client.delete(f"{acme.root}/users/{users[0]['id']}"), 204)
    expect_problem(await editor.client.post(editor.entries, json={"fields": {}}), 401)
    kept = expect(await acme.client.get(acme.entries), 200)["items"]
    assert [(item["id"], item["createdBy"]) for item in kept] == [(entry["id"], None)]


def claims_of(token: str) -> dict[str, object]:
    claims: dict[str, object] = jwt.decode(token, options={"verify_signature": False})
    return claims


def forged(
    claims: dict[str, object], key: str = JWT_KEY, algorithm: str = "HS256", **header: str
) -> str:
    return jwt.encode(claims, key, algorithm, headers={"kid": "env", "typ": "at+jwt"} | header)


def unsigned(claims: dict[str, object]) -> str:
    head = {"alg": "none", "typ": "at+jwt", "kid": "env"}
    parts = [
        base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in (head, claims)
    ]
    return b".".join([*parts, b""]).decode()


def handmade(header: object, claims: object, key: bytes = JWT_KEY.encode()) -> str:
    """Well signed, whatever it says."""
    parts = [
        base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=")
        for part in (header, claims)
    ]
    signature = base64.urlsafe_b64encode(hmac.digest(key, b".".join(parts), "sha256"))
    return b".".join([*parts, signature.rstrip(b"=")]).decode()


HEADER: dict[str, object] = {"alg": "HS256", "typ": "at+jwt", "kid": "env"}
# Each in the place of what the header has to say, and beside it.
HEADERS: dict[str, dict[str, object]] = {
    "alg nOnE": {"alg": "nOnE"},
    "alg of a public key": {"alg": "RS256"},
    "no alg": {"alg": None},
    "a list of algs": {"alg": ["HS256"]},
    "no kid": {"kid": None},
    "a kid that is a path": {"kid": "../../../../dev/null"},
    "a kid that is SQL": {"kid": "env' UNION SELECT 'x"},
    "a kid that is a number": {"kid": 1},
    "a kid that is a list": {"kid": ["env"]},
    "a kid that is an object": {"kid": {"env": 1}},
    "a typ that is a list": {"typ": ["at+jwt"]},
    "a typ of an ID token": {"typ": "JWT"},
    "a critical extension that nobody knows": {"crit": ["exp-of-mine"], "exp-of-mine": 1},
}
CLAIMS: dict[str, dict[str, object]] = {
    "an end that never comes": {"exp": float("nan")},
    "an infinite end": {"exp": float("inf")},
    "an end beyond all numbers": {"exp": 10**400},
    "an end that is a text": {"exp": "9999999999"},
    "an end that is true": {"exp": True},
    "a subject that is a list": {"sub": ["x"]},
    "a subject that is no id": {"sub": "' OR 1=1"},
    "a tenant that is a list": {"tenant": ["acme"]},
    "a tenant id that is a number": {"tenant_id": 1},
    "two audiences, none of them ours": {"aud": ["a", "b"]},
    "an issuer that is a list": {"iss": ["headlesscms"]},
}


def tampered(token: str) -> str:
    head, _, signature = token.split(".")
    claims = claims_of(token) | {"role": "owner", "sub": str(uuid4())}
    return ".".join([head, forged(claims).split(".")[1], signature])


FORGERIES: dict[str, Callable[[str], str]] = {
    "expired": lambda token: forged(claims_of(token) | {"exp": int(time.time()) - 60}),
    "not yet valid": lambda token: forged(claims_of(token) | {"nbf": int(time.time()) + 60}),
    "issued in the future": lambda token: forged(claims_of(token) | {"iat": int(time.time()) + 60}),
    "not a token": lambda _: "gibberish",
    "tampered claims": tampered,
    "no signature (alg none)": lambda token: unsigned(claims_of(token)),
    "another algorithm": lambda token: forged(claims_of(token), algorithm="HS512"),
    "the key of another deployment": lambda token: forged(claims_of(token), key="x" * 40),
    "an unknown kid": lambda token: forged(claims_of(token), kid="other"),
    "another audience": lambda token: forged(claims_of(token) | {"aud": "somebody-else"}),
    "another issuer": lambda token: forged(claims_of(token) | {"iss": "somebody-else"}),
    "another type": lambda token: forged(claims_of(token), typ="JWT"),
    "without an expiry": lambda token: forged(
        {name: value for name, value in claims_of(token).items() if name != "exp"}
    ),
    "an unknown role": lambda token: forged(claims_of(token) | {"role": "god"}),
    "an enormous token": lambda token: token + "x" * 10_000,
    "an empty key": lambda token: handmade(HEADER, claims_of(token), b""),
    "a key that it brings along": lambda token: handmade(
        HEADER | {"jwk": {"kty": "oct", "k": "eHh4"}, "jku": "http://127.0.0.1/"},
        claims_of(token),
        b"xxx",
    ),
    "without its signature": lambda token: token.rpartition(".")[0] + ".",
    "the signature of another": lambda token: (
        handmade(HEADER, claims_of(token) | {"role": "owner"}).rpartition(".")[0]
        + "."
        + token.rpartition(".")[2]
    ),
    "five parts": lambda token: f"{token}.a.b",
    "claims that are a list": lambda token: handmade(HEADER, [claims_of(token)]),
    "a header that is a list": lambda token: handmade([HEADER], claims_of(token)),
    **{
        name: lambda token, change=change: handmade(HEADER | change, claims_of(token))  # type: ignore[misc]
        for name, change in HEADERS.items()
    },
    **{
        name: lambda token, change=change: handmade(HEADER, claims_of(token) | change)  # type: ignore[misc]
        for name, change in CLAIMS.items()
    },
}


@pytest.mark.parametrize("forgery", FORGERIES)
async def test_a_token_that_is_not_ours_opens_nothing(pod: Pod, acme: Desk, forgery: str) -> None:
    await acme.make_type()
    async with pod.client(FORGERIES[forgery](acme.tokens["accessToken"])) as client:
        expect_problem(await client.post(acme.entries, json={"fields": {}}), 401)
        expect_problem(await client.get(acme.delivery), 401)
    assert expect(await acme.client.get(acme.entries), 200)["items"] == []


async def test_a_handmade_token_is_good_where_all_of_it_is(pod: Pod, acme: Desk) -> None:
    """Or the table above would show nothing."""
    token = handmade(HEADER, claims_of(acme.tokens["accessToken"]))
    async with pod.client(token) as client:
        expect(await client.get(acme.root), 200)


async def test_neither_kind_of_token_does_for_the_other(pod: Pod) -> None:
    acme = await pod.log_in("acme")
    async with pod.client(acme.tokens["refreshToken"]) as client:
        expect_problem(await client.get(acme.root), 401)
        swapped = {"refreshToken": acme.tokens["accessToken"][:200]}
        expect_problem(await client.post(REFRESH, json=swapped), 401)


async def test_without_a_token_nothing_but_log_in_answers(pod: Pod) -> None:
    async with pod.client() as client:
        answer = await client.get("/v1/tenants/acme/content-types")
    expect_problem(answer, 401)
    assert answer.headers["www-authenticate"] == "Bearer"


def statements(pod: Pod) -> Counter[str]:
    """How often each was run, but for the tenants', which are remembered for a moment."""
    text = pod.cms.metrics.render().decode()
    found = re.findall(r'hcms_db_query_duration_seconds_count\{[^}]*"([^"]+)"\} (\d+)', text)
    return Counter({name: int(n) for name, n in found if not name.startswith("tenants.")})


async def test_a_log_in_costs_the_same_whether_or_not_there_is_such_a_user(
    pod: Pod, acme: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Time would tell who exists; what takes time is the same."""
    expect(await acme.client.get(acme.root), 200)
    email = await acme.hire("viewer")
    user = expect(await acme.client.get(f"{acme.root}/users"), 200)["items"][0]
    url = f"{acme.root}/users/{user['id']}"
    expect(await acme.client.patch(url, json={"active": False}), 200)
    compared: list[object] = []
    compare = passwords._matches  # noqa: SLF001 - what is counted

    def counted(given: str, stored: str) -> bool:
        compared.append(argon2.extract_parameters(stored))
        return compare(given, stored)

    monkeypatch.setattr(passwords, "_matches", counted)
    costs = []
    for who, password in (
        (owner_email("acme"), "wrong"),
        ("nobody@acme.example", "wrong"),
        (email, PASSWORD),
        ("' OR 1=1 --", "wrong"),
    ):
        before = statements(pod)
        compared.clear()
        async with pod.client() as client:
            answer = await client.post(LOGIN, json={"email": who, "password": password})
        expect_problem(answer, 401)
        costs.append((statements(pod) - before, list(compared)))
    assert costs == [costs[0]] * 4
    spent, hashes = costs[0]
    assert spent.total() >= 2
    assert len(hashes) == 1


async def refused(pod: Pod, number: int) -> None:
    """Waits until as many hashes were."""
    wanted = f"hcms_argon2_rejected_total {number}.0"
    await until(lambda: wanted in pod.cms.metrics.render().decode(), wanted)


async def test_a_tenant_that_makes_many_users_at_once_keeps_no_other_tenant_out(
    pod: Pod, acme: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = threading.Event()
    monkeypatch.setattr(passwords, "hash_password", lambda _: str(go_on.wait(60)))
    user = {"email": owner_email("acme"), "password": PASSWORD, "role": "viewer"}
    users = [
        asyncio.create_task(acme.client.post(f"{acme.root}/users", json=user)) for _ in range(100)
    ]
    await refused(pod, 50)
    globex = asyncio.create_task(pod.log_in("globex"))
    await refused(pod, 51)
    go_on.set()
    assert (await globex).tokens
    answers = Counter([answer.status_code for answer in await asyncio.gather(*users)])
    assert answers == {409: 49, 503: 51}


async def test_passwords_are_kept_as_argon2id(site: Site) -> None:
    connection = await asyncpg.connect(site.postgres.superuser_url(site.database))
    try:
        kept = [row[0] for row in await connection.fetch("SELECT password_hash FROM cms.users")]
    finally:
        await connection.close()
    assert kept
    assert all(found.startswith("$argon2id$") for found in kept)
