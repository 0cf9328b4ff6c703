"""Requests as bytes, and bodies made to be expensive, straight to a process of the service."""

import asyncio
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from cms_service.core.endpoints.strict_route import MAX_BODY_BYTES
from tests.service.processes import ServeProcess
from tests.service.raw_requests import ATTACKS, SMUGGLED, all_that_comes, head
from tests.service.servers import Postgres, Redis
from tests.service.world import ARTICLE, PASSWORD, Desk, Site, expect, owner_email

LAST = head("GET /the-last-one HTTP/1.1", "Connection: close")


@pytest.fixture(scope="module")
def process(
    postgres: Postgres, redis: Redis, database: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServeProcess]:
    environment = Site(postgres, redis, database).environment()
    log = tmp_path_factory.mktemp("raw") / "log"
    with ServeProcess(environment, log) as process:
        yield process.wait_until_ready()


@pytest.mark.parametrize("name", ATTACKS)
def test_what_can_be_read_in_two_ways_is_refused_and_hides_no_request(
    process: ServeProcess, name: str
) -> None:
    attack = ATTACKS[name]
    answer = all_that_comes(process.port, attack + LAST)
    statuses = re.findall(rb"HTTP/1\.1 (\d{3})", answer)
    assert statuses, answer
    assert all(status.startswith(b"4") for status in statuses), answer
    assert len(statuses) == 1 or not attack.endswith(SMUGGLED), answer
    assert b"X-Injected" not in answer
    assert "smuggled" not in process.log.read_text()


def filled(part: bytes) -> bytes:
    """A body as large as it may be."""
    return b'{"fields":{"title":[' + part * ((MAX_BODY_BYTES - 50) // len(part)) + b"0]}}"


BOMBS = {
    "lists": filled(b"[],"),
    "objects": filled(b"{},"),
    "small objects": filled(b'{"a":0},'),
    "numbers": filled(b"0,"),
    "fractions": filled(b"0.5,"),
    "texts": filled(b'"",'),
    "one long text": filled(b"x").replace(b"[", b'"').replace(b"0]", b'"'),
    "escapes": filled(b'"\\ud83d\\ude00",'),
    "names": b'{"fields":{' + b",".join(b'"n%d":0' % n for n in range(90_000)) + b"}}",
    "locales": b'{"fields":{"teaser":{' + b",".join(b'"l%d":0' % n for n in range(90_000)) + b"}}}",
    "depth": b'{"fields":{"title":' + b"[" * 1_000_000,
    "items": b'{"items":[' + b'{"fields":{}},' * 70_000 + b"{}]}",
}


async def test_bodies_made_to_explode_are_refused_in_bounded_memory(
    site: Site, process: ServeProcess
) -> None:
    """Many at once, as each is held in memory while it waits for the database."""
    assert site
    async with httpx.AsyncClient(base_url=process.url, timeout=60) as client:
        login = {"email": owner_email("acme"), "password": PASSWORD}
        tokens = expect(await client.post("/v1/tenants/acme/auth/login", json=login), 200)
        desk = Desk(client, "acme", tokens)
        client.headers["Authorization"] = f"Bearer {tokens['accessToken']}"
        client.headers["Content-Type"] = "application/json"
        teaser = {"name": "teaser", "kind": "text", "localised": True}
        fields: Any = ARTICLE["fields"]
        article = ARTICLE | {"fields": [*fields, teaser]}
        expect(await client.post(f"{desk.root}/content-types", json=article), 201)
        before = process.peak_memory()
        for name, body in BOMBS.items():
            assert len(body) <= MAX_BODY_BYTES
            url = (
                f"{desk.root}/content-types/article/bulk/create"
                if name == "items"
                else desk.entries
            )
            answers = await asyncio.gather(*(client.post(url, content=body) for _ in range(6)))
            # Or, where the machine is slow, not at the moment.
            assert {answer.status_code for answer in answers} <= {400, 422, 503}, name
            assert all(len(answer.content) < 20_000 for answer in answers), name
        assert expect(await client.get(desk.entries), 200)["items"] == []
        assert process.peak_memory() - before < 150_000_000
