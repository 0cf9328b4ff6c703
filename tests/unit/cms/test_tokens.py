"""Access tokens through their life. What is forged is tried against the running service."""

import time
from uuid import UUID

import jwt
import pytest

from cms_service.auth.keys import KeyRing, KeyStore
from cms_service.auth.tokens import LEEWAY_SECONDS, AccessTokens, Identity, bearer_token
from cms_service.core.errors import Forbidden, Unauthorized
from tests.support.clock import Clock

WHO = Identity(UUID(int=1), UUID(int=2), "acme")


def ring(generation: int, sign: str, *kids: str) -> KeyRing:
    return KeyRing(generation, sign, {kid: kid.encode() * 32 for kid in kids})


@pytest.fixture
def keys() -> KeyStore:
    return KeyStore(ring(1, "k1", "k1"))


@pytest.fixture
def clock() -> Clock:
    return Clock(time.time())


@pytest.fixture
def tokens(keys: KeyStore, clock: Clock) -> AccessTokens:
    return AccessTokens(keys, lifetime_seconds=900, clock=clock)


def test_a_token_says_who_asks(tokens: AccessTokens) -> None:
    token = tokens.issue(WHO, "editor")
    assert [tokens.verify(token) for _ in range(2)] == [WHO, WHO]


def test_a_remembered_token_expires_all_the_same(tokens: AccessTokens, clock: Clock) -> None:
    token = tokens.issue(WHO, "editor")
    clock.now += 899
    assert tokens.verify(token) == WHO
    clock.now += 2 + LEEWAY_SECONDS
    with pytest.raises(Unauthorized, match="expired"):
        tokens.verify(token)


@pytest.mark.parametrize(
    ("ahead", "good"), [(LEEWAY_SECONDS - 1, True), (LEEWAY_SECONDS + 2, False)]
)
def test_the_clocks_of_two_pods_may_differ_a_little(
    keys: KeyStore, clock: Clock, ahead: int, *, good: bool
) -> None:
    """One token was just issued, another has just ended."""
    here, there = (AccessTokens(keys, 900, clock) for _ in range(2))
    clock.now += ahead
    early = there.issue(WHO, "editor")
    clock.now -= ahead + 900 + ahead
    late = there.issue(WHO, "editor")
    clock.now += 900 + ahead
    for token in (early, late):
        if good:
            assert here.verify(token) == WHO
        else:
            with pytest.raises(Unauthorized):
                here.verify(token)


@pytest.mark.parametrize(
    ("claim", "value"), [("nbf", 1e12), ("iat", 1e12), ("exp", "never"), ("exp", True)]
)
def test_a_time_that_is_no_time_or_not_yet_come_is_refused(
    tokens: AccessTokens, keys: KeyStore, claim: str, value: object
) -> None:
    token = tokens.issue(WHO, "editor")
    claims = jwt.decode(token, options={"verify_signature": False}) | {claim: value}
    key = keys.ring.keys["k1"]
    with pytest.raises(Unauthorized):
        tokens.verify(jwt.encode(claims, key, headers={"kid": "k1", "typ": "at+jwt"}))


# What the first release issues, and all that it asks of a token: both run during a release.
_FIRST_HEADER = {"alg": "HS256", "kid": "k1", "typ": "at+jwt"}
_FIRST_CLAIMS = {
    "iss": "headlesscms",
    "aud": "headlesscms-api",
    "jti": "0011223344556677",
    "sub": str(UUID(int=1)),
    "tenant": "acme",
    "tenant_id": str(UUID(int=2)),
    "role": "editor",
}


def test_a_token_of_the_first_release_is_good_here(
    tokens: AccessTokens, keys: KeyStore, clock: Clock
) -> None:
    now = int(clock())
    claims = _FIRST_CLAIMS | {"iat": now, "exp": now + 900}
    assert tokens.verify(jwt.encode(claims, keys.ring.keys["k1"], headers=_FIRST_HEADER)) == WHO


def test_the_first_release_takes_a_token_of_this_one(tokens: AccessTokens, keys: KeyStore) -> None:
    token = tokens.issue(WHO, "editor")
    assert jwt.get_unverified_header(token) == _FIRST_HEADER
    claims = jwt.decode(
        token,
        keys.ring.keys["k1"],
        algorithms=["HS256"],
        audience="headlesscms-api",
        issuer="headlesscms",
        options={"require": [*_FIRST_CLAIMS, "iat", "exp"]},
    )
    stated = {name: claims[name] for name in _FIRST_CLAIMS if name != "jti"}
    assert stated == {name: _FIRST_CLAIMS[name] for name in stated}


def test_a_remembered_token_ends_with_its_key(tokens: AccessTokens, keys: KeyStore) -> None:
    token = tokens.issue(WHO, "editor")
    assert tokens.verify(token) == WHO
    keys.ring = ring(2, "k2", "k1", "k2")
    assert tokens.verify(token) == WHO
    keys.ring = ring(3, "k2", "k2")
    with pytest.raises(Unauthorized):
        tokens.verify(token)


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", "Basic abc", "abc"])
def test_what_is_no_bearer_token_is_asked_for_one(header: str | None) -> None:
    with pytest.raises(Unauthorized, match="Authorization: Bearer"):
        bearer_token(header)


def test_a_token_is_for_one_tenant() -> None:
    WHO.check_tenant("acme")
    with pytest.raises(Forbidden, match="another tenant"):
        WHO.check_tenant("globex")
