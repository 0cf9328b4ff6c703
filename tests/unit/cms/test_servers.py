"""A URL with several servers: which of them is asked, and for how long."""

import asyncio
from typing import Any

import asyncpg
import pytest

from cms_service.core.credentials.sources import Credentials
from cms_service.core.postgres.servers import Servers
from cms_service.core.settings.database_url import parse_database_url

PODS = Credentials("pods", "secret")
State = float | Exception | str
FIRST, SECOND = "one.example:5432", "two.example:5433"


class World:
    """`states` of servers: a time to wait, an error, or what they are in the replication."""

    def __init__(self, **states: State) -> None:
        self.states = {FIRST: states["first"], SECOND: states["second"]}
        self.asked: list[str] = []

    async def connect(self, dsn: str, **options: Any) -> str:
        server = dsn.partition("://")[2].partition("/")[0]
        assert dsn.endswith("/cms?sslmode=require")
        self.asked.append(server)
        state = self.states[server]
        if isinstance(state, Exception):
            raise state
        if isinstance(state, float):
            async with asyncio.timeout(options["timeout"]):
                await asyncio.sleep(state)
        elif options["target_session_attrs"] not in {None, "any", state}:
            raise asyncpg.TargetServerAttributeNotMatched
        return server


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> World:
    found = World(**request.param)
    monkeypatch.setattr(asyncpg, "connect", found.connect)
    return found


def servers(target: str | None = "primary") -> Servers:
    return Servers(parse_database_url(f"postgresql://{FIRST},{SECOND}/cms?sslmode=require"), target)


SILENT = 3600.0
LOST: dict[str, State] = {
    "silent": SILENT,
    "refuses": ConnectionRefusedError(),
    "starts": asyncpg.CannotConnectNowError("the database system is starting up"),
    "is a standby": "standby",
}


@pytest.mark.parametrize(
    "world",
    [{"first": state, "second": "primary"} for state in LOST.values()],
    indirect=True,
    ids=LOST,
)
async def test_one_that_will_not_do_leaves_time_to_the_others_and_is_asked_last_then(
    world: World,
) -> None:
    asked = servers()
    assert [await asked.connect(PODS, 0.4) for _ in range(3)] == [SECOND] * 3
    assert world.asked == [FIRST, SECOND, SECOND, SECOND]
    world.states = {FIRST: "primary", SECOND: LOST["silent"]}  # a failover, back again
    assert [await asked.connect(PODS, 0.4) for _ in range(2)] == [FIRST] * 2


@pytest.mark.parametrize("world", [{"first": SILENT, "second": SILENT}], indirect=True)
async def test_all_that_are_silent_take_no_more_time_than_one(world: World) -> None:
    async with asyncio.timeout(20):
        with pytest.raises(TimeoutError):
            await servers().connect(PODS, 0.2)
    assert world.asked == [FIRST, SECOND]


@pytest.mark.parametrize("world", [{"first": "primary", "second": "standby"}], indirect=True)
async def test_a_standby_is_preferred_whenever_there_is_one(world: World) -> None:
    asked = servers("prefer-standby")
    assert await asked.connect(PODS, 1) == SECOND
    world.states[SECOND] = ConnectionRefusedError()
    assert await asked.connect(PODS, 1) == FIRST
    world.states[SECOND] = "standby"
    assert await asked.connect(PODS, 1) == SECOND


@pytest.mark.parametrize(
    "world",
    [{"first": asyncpg.InvalidPasswordError("no"), "second": "primary"}],
    indirect=True,
)
async def test_who_is_refused_by_one_does_not_turn_to_another(world: World) -> None:
    with pytest.raises(asyncpg.InvalidPasswordError):
        await servers().connect(PODS, 1)
    assert world.asked == [FIRST]
