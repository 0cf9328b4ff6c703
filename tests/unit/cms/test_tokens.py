"""Access tokens through their life. What is forged is tried against the running service."""

import time
from datetime import datetime, tzinfo
from typing import Self
from uuid import UUID

import pytest

from cms_service.auth.keys import KeyRing, KeyStore
from cms_service.auth.permissions import Permission, Role, is_granted
from cms_service.auth.tokens import AccessTokens, Actor, bearer_token
from cms_service.core.errors import Forbidden, Unauthorized

ACTOR = Actor(UUID(int=1), UUID(int=2), "acme", Role.EDITOR)


class Clock:
    def __init__(self) -> None:
        self.now = time.time()

    def __call__(self) -> float:
        return self.now


def ring(generation: int, sign: str, *kids: str) -> KeyRing:
    return KeyRing(generation, sign, {kid: kid.encode() * 32 for kid in kids})


@pytest.fixture
def keys() -> KeyStore:
    return KeyStore(ring(1, "k1", "k1"))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def tokens(keys: KeyStore, clock: Clock) -> AccessTokens:
    return AccessTokens(keys, lifetime_seconds=900, clock=clock)


def test_a_token_says_who_asks(tokens: AccessTokens) -> None:
    token = tokens.issue(ACTOR)
    assert [tokens.verify(token) for _ in range(2)] == [ACTOR, ACTOR]


def test_a_remembered_token_expires_all_the_same(
    tokens: AccessTokens, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    class LibraryClock(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Self:
            return cls.fromtimestamp(clock.now, tz)

    monkeypatch.setattr("jwt.api_jwt.datetime", LibraryClock)
    token = tokens.issue(ACTOR)
    clock.now += 899
    assert tokens.verify(token) == ACTOR
    clock.now += 2
    with pytest.raises(Unauthorized, match="expired"):
        tokens.verify(token)


def test_a_remembered_token_ends_with_its_key(tokens: AccessTokens, keys: KeyStore) -> None:
    token = tokens.issue(ACTOR)
    assert tokens.verify(token) == ACTOR
    keys.ring = ring(2, "k2", "k1", "k2")
    assert tokens.verify(token) == ACTOR
    keys.ring = ring(3, "k2", "k2")
    with pytest.raises(Unauthorized):
        tokens.verify(token)


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", "Basic abc", "abc"])
def test_what_is_no_bearer_token_is_asked_for_one(header: str | None) -> None:
    with pytest.raises(Unauthorized, match="Authorization: Bearer"):
        bearer_token(header)


def test_an_actor_works_in_one_tenant_and_within_a_role() -> None:
    ACTOR.check(Permission.PUBLISH_ENTRIES, "acme")
    with pytest.raises(Forbidden, match="another tenant"):
        ACTOR.check(Permission.PUBLISH_ENTRIES, "globex")
    with pytest.raises(Forbidden, match="users:write"):
        ACTOR.check(Permission.WRITE_USERS, "acme")


def test_every_role_has_what_the_one_below_it_has_and_only_owners_have_all() -> None:
    granted = {role: {p for p in Permission if is_granted(role, p)} for role in Role}
    assert granted[Role.VIEWER] < granted[Role.EDITOR] < granted[Role.OWNER] == set(Permission)
