"""Requests as bytes, and bodies made to be expensive, straight to a process of the service."""

import asyncio
import json
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from cms_service.core.strict_route import MAX_BODY_BYTES
from tests.service.processes import ServeProcess
from tests.service.raw_requests import ATTACKS, all_that_comes, head
from tests.service.servers import Postgres, Redis
from tests.service.world import JWT_KEY, Desk, Site, expect

LAST = head("GET /the-last-one HTTP/1.1", "Connection: close")
NOT_FOUND = re.compile(rb"HTTP/1\.1 404 .*?/?", re.DOTALL)


@pytest.fixture(scope="module")
def process(
    postgres: Postgres, redis: Redis, database: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServeProcess]:
    environment = Site(postgres, redis, database).environment()
    log = tmp_path_factory.mktemp("raw") / "log"
    with ServeProcess(environment, log) as process:
        yield process.wait_until_ready()


@pytest.mark.parametrize("name", ATTACKS)
def test_what_is_no_request_of_its_own_is_not_taken_for_one(
    process: ServeProcess, name: str
) -> None:
    answer = all_that_comes(process.port, ATTACKS[name] + LAST)
    statuses = re.findall(rb"HTTP/1\.1 (\d+)", answer)
    print(name, statuses, b"smuggled" in process.log.read_bytes())
