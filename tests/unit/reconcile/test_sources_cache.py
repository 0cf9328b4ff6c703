"""A user's Secret is read once, and anew when there is a reason to."""

import base64
from contextlib import nullcontext
from datetime import timedelta
from typing import Any, cast

import pytest

from cms_operator.cluster.cache.store import Store
from cms_operator.cluster.keys import Key
from cms_operator.cluster.kinds import SECRET, Kind
from cms_operator.cluster.transport.api_error import ApiError
from cms_operator.cluster.writing.apply import Applier
from cms_operator.reconcile.source_secrets import SourceSecrets
from cms_operator.reconcile.sources import LONGEST_SILENCE, unheard
from cms_operator.reporting.facts import PATIENCE
from cms_operator.resources.secrets.secret_data import decode_bytes
from tests.unit.rollout.pictures import NOON

PASSING = [429, 500, 503, 504]
SHOP, BLOG = Key("team-a", "shop"), Key("team-a", "blog")
SECOND = timedelta(seconds=1)
Object = dict[str, Any]


def secret(value: str, version: int = 1) -> Object:
    metadata = {"name": "source", "namespace": "team-a", "uid": "1"}
    data = {"database-url": base64.b64encode(value.encode()).decode()}
    return {"metadata": metadata | {"resourceVersion": str(version)}, "data": data}


class Server:
    """The one thing that is asked of the API server: read a Secret."""

    def __init__(self) -> None:
        self.found: Object | None = secret("first")
        self.refusal: ApiError | None = None
        self.asked = 0

    async def read(self, kind: Kind, namespace: str, name: str) -> Object | None:
        assert (kind, namespace, name) == (SECRET, "team-a", "source")
        self.asked += 1
        if self.refusal:
            raise self.refusal
        return self.found


class World:
    def __init__(self) -> None:
        self.server, self.store = Server(), Store()
        self.secrets = SourceSecrets(cast(Applier, self.server), self.store)
        self.now = NOON

    async def read(self, key: Key = SHOP) -> str | None:
        values = (await self.secrets.read(key, ["source"], self.now))["source"]
        return values["database-url"].decode() if values else None


@pytest.fixture
def world() -> World:
    return World()


async def test_it_is_read_once_for_all_who_name_it(world: World) -> None:
    assert [await world.read(SHOP), await world.read(SHOP), await world.read(BLOG)] == ["first"] * 3
    assert world.server.asked == 1
    assert world.secrets.readers_of("team-a", "source") == {SHOP, BLOG}


async def test_a_live_read_trusts_no_copy(world: World) -> None:
    world.store.put(SECRET, secret("stale"))
    values = await world.secrets.read(SHOP, ["source"], NOON, live=True)
    assert values["source"] == {"database-url": b"first"}


async def test_one_that_is_missing_is_asked_for_each_time(world: World) -> None:
    world.server.found = None
    assert await world.read() is None
    world.server.found = secret("made")
    assert await world.read() == "made"


@pytest.mark.parametrize("of_one", [True, False])
async def test_it_is_read_anew_when_it_has_expired(world: World, *, of_one: bool) -> None:
    await world.read()
    world.server.found = secret("second")
    assert await world.read() == "first"
    if of_one:
        world.secrets.expire_of(SHOP)
    else:
        world.secrets.expire()
    assert await world.read() == "second"


@pytest.mark.parametrize("status", PASSING)
async def test_a_server_that_is_unwell_takes_no_value_away_and_is_asked_again(
    world: World, status: int
) -> None:
    await world.read()
    world.secrets.expire()
    world.server.refusal = ApiError(status, "Somehow", "etcdserver: request timed out")
    assert [await world.read(), await world.read()] == ["first", "first"]
    assert world.secrets.late(SHOP)
    assert world.server.asked == 3
    world.server.refusal, world.server.found = None, secret("second")
    assert await world.read() == "second"
    assert not world.secrets.late(SHOP)


@pytest.mark.parametrize("status", [*PASSING, 401, 403])
async def test_what_was_never_read_is_no_value(world: World, status: int) -> None:
    world.server.refusal = ApiError(status, "Somehow", "on purpose")
    with pytest.raises(ApiError):
        await world.read()


@pytest.mark.parametrize(
    ("known", "patience"),
    [
        pytest.param(False, PATIENCE, id="its operator has just begun"),
        pytest.param(True, LONGEST_SILENCE, id="it was read before"),
    ],
)
async def test_a_secret_that_the_server_cannot_decrypt_any_more_is_told_and_a_passing_error_is_not(
    world: World, patience: timedelta, *, known: bool
) -> None:
    if known:
        await world.read()
        world.secrets.expire()
    for _ in range(2):
        world.server.refusal = ApiError(500, "InternalError", "unable to transform key")
        begun = world.now
        for passed in (timedelta(), patience - SECOND, patience):
            world.now = begun + passed
            with nullcontext() if known else pytest.raises(ApiError):
                await world.read()
            late = world.secrets.late(SHOP)
            assert late
            problem = unheard(late, world.now, known=known)
            assert (problem is not None) is (passed == patience)
        assert problem
        assert (problem.reason, "unable to transform key" in problem.message) == (
            "SecretUnreadable",
            True,
        )
        world.server.refusal = None
        assert await world.read() == "first"
        assert world.secrets.late(SHOP) is None, "and the next time it begins anew"
        if not known:
            world.secrets.forget(SHOP)
        world.secrets.expire()


async def test_a_right_that_was_taken_away_is_told(world: World) -> None:
    await world.read()
    world.secrets.expire()
    world.server.refusal = ApiError(403, "Forbidden", "no rights")
    with pytest.raises(ApiError):
        await world.read()


@pytest.mark.parametrize("status", PASSING)
async def test_before_a_key_is_drawn_no_value_of_the_past_will_do(
    world: World, status: int
) -> None:
    await world.read()
    world.server.refusal = ApiError(status, "Somehow", "on purpose")
    with pytest.raises(ApiError):
        await world.secrets.read(SHOP, ["source"], NOON, live=True)


async def test_a_labelled_one_is_read_once_for_each_change_that_the_watch_tells(
    world: World,
) -> None:
    for version, value in enumerate(["first", "second"], start=1):
        world.server.found = secret(value, version)
        world.store.put(SECRET, secret(value, version))
        world.secrets.expire()
        assert [await world.read(SHOP), await world.read(BLOG)] == [value, value]
        assert world.server.asked == version


async def test_what_was_read_live_is_not_asked_for_again_where_a_watch_tells_of_changes(
    world: World,
) -> None:
    world.store.put(SECRET, secret("first"))
    await world.secrets.read(SHOP, ["source"], NOON, live=True)
    assert await world.read() == "first"
    assert world.server.asked == 1


async def test_a_change_that_cannot_be_read_yet_is_late(world: World) -> None:
    world.store.put(SECRET, secret("first"))
    await world.read()
    world.store.put(SECRET, secret("second", 2))
    world.server.refusal = ApiError(503, "ServiceUnavailable", "on purpose")
    assert await world.read() == "first"
    assert world.secrets.late(SHOP)
    world.server.refusal, world.server.found = None, secret("second", 2)
    assert await world.read() == "second"
    assert not world.secrets.late(SHOP)


async def test_a_label_that_goes_with_a_change_leaves_no_old_value(world: World) -> None:
    world.store.put(SECRET, secret("first"))
    await world.read()
    world.store.discard(SECRET, secret("second", 2))
    world.server.found = secret("second", 2)
    assert await world.read() == "second"


async def test_what_was_read_before_the_label_is_not_remembered_after_it(world: World) -> None:
    await world.read()
    world.store.put(SECRET, secret("watched", 2))
    await world.read()
    world.store.discard(SECRET, secret("watched", 3))
    world.server.found = None
    assert await world.read() is None


async def test_who_names_it_no_longer_is_not_told_of_it(world: World) -> None:
    await world.read(SHOP)
    await world.secrets.read(SHOP, [], NOON)
    assert world.secrets.readers_of("team-a", "source") == set()
    await world.read(BLOG)
    world.secrets.forget(BLOG)
    assert world.secrets.readers_of("team-a", "source") == set()


def test_what_is_not_base64_is_as_good_as_missing() -> None:
    assert decode_bytes({"data": {"good": "Z29vZA==", "bad": "%"}}) == {"good": b"good"}
    assert decode_bytes({}) == {}
