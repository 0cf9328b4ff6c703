# ruff: noqa: S603, S608 - commands and statements are our own
"""How much of the speed of the least program that answers the same delivery keeps.

    python -m benchmarks.delivery [--seconds 5] [--rounds 3]

Cached answers are compared with an ASGI application that sends the same bytes, uncached ones with a
handler that asks PostgreSQL the same by itself. One server process each, on the same database of
10,000 articles of 2 kB with 100 authors and 50 tags. The two take turns, so that whatever else the
machine does falls on both; the ratio is that of the medians. Needs `wrk` (a Debian package).
"""

import argparse
import asyncio
import json
import re
import secrets
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import asyncpg
import httpx

from benchmarks.delivery_peers import CONNECTIONS
from benchmarks.usage import peak_mebibytes
from cms_service.core.settings import MigrateSettings
from cms_service.migrations import job
from tests.service.processes import REPOSITORY, ServeProcess
from tests.service.servers import Postgres, Redis, free_port, wait_until

ROLE, PASSWORD, EMAIL = "cms_service", secrets.token_hex(16), "owner@acme.example"
ARTICLES, AUTHORS, TAGS = 10_000, 100, 50
TYPES = {
    "author": [{"name": "name", "kind": "text"}, {"name": "bio", "kind": "text"}],
    "tag": [{"name": "title", "kind": "text"}],
    "article": [
        {"name": "title", "kind": "text"},
        {"name": "slug", "kind": "slug"},
        {"name": "body", "kind": "text"},
        {"name": "price", "kind": "number"},
        {"name": "author", "kind": "reference", "types": ["author"]},
        {"name": "tags", "kind": "references", "types": ["tag"]},
    ],
}
_AUTHOR = "0190a000-0000-7000-8000-000000000007"
_ID_SQL = "('0190{0}000-0000-7000-8000-' || lpad(({1})::text, 12, '0'))"
_FILL = """
WITH made AS ({}),
entries AS (
    INSERT INTO cms.entries (tenant_id, id, content_type_id, slug, fields)
    SELECT $1, id, $2, fields->>'slug', fields FROM made)
INSERT INTO cms.published_entries
    (tenant_id, entry_id, content_type_id, slug, fields, version, published_at)
SELECT $1, id, $2, fields->>'slug', fields, 1, now() - n * interval '1 minute' FROM made
"""
_CONTENT = {
    "author": (
        f"SELECT n, {_ID_SQL.format('a', 'n')}::uuid AS id,"
        " jsonb_build_object('name', 'Author ' || n, 'bio', repeat('words ', 50)) AS fields"
        f" FROM generate_series(0, {AUTHORS - 1}) n"
    ),
    "tag": (
        f"SELECT n, {_ID_SQL.format('b', 'n')}::uuid AS id,"
        " jsonb_build_object('title', 'Tag ' || n) AS fields"
        f" FROM generate_series(0, {TAGS - 1}) n"
    ),
    "article": (
        f"SELECT n, {_ID_SQL.format('c', 'n')}::uuid AS id, jsonb_build_object("
        "'title', 'Article ' || n, 'slug', 'article-' || n, 'price', n % 1000,"
        " 'body', repeat(md5(n::text) || ' ', 60),"
        f" 'author', {_ID_SQL.format('a', f'n % {AUTHORS}')},"
        f" 'tags', jsonb_build_array({_ID_SQL.format('b', f'n % {TAGS}')},"
        f" {_ID_SQL.format('b', f'(n + 7) % {TAGS}')}, {_ID_SQL.format('b', f'(n + 19) % {TAGS}')}"
        f")) AS fields FROM generate_series(0, {ARTICLES - 1}) n"
    ),
}
# For the peer's queries what the tables of published values are for ours.
_PEERS_INDEX = """CREATE INDEX ON cms.published_entries
    (tenant_id, content_type_id, (fields->>'author'), published_at DESC, entry_id DESC)"""
# Every request asks for something else: `n` counts them. It begins anew after some thousands, so
# what was cached is outdated each second.
_SCRIPT = """
local n = 0
local headers = {}
%s
request = function()
  n = n + 1
  local path = string.gsub("%s", "{(%%d+)}", function(most) return n %% tonumber(most) end)
  return wrk.format("GET", path, headers)
end
"""
_RATE = re.compile(r"Requests/sec:\s+([0-9.]+)")
_ERRORS = re.compile(r"(Non-2xx or 3xx responses|Socket errors).*")


@dataclass(frozen=True)
class Scenario:
    """`{N}` in a path counts up to N. `target`: the least ratio that the design asks for."""

    name: str
    ours: str
    peers: str
    target: float
    cached: bool = False
    if_none_match: bool = False


_DELIVERY = "/v1/delivery/acme/article"
_BY_AUTHOR = f"filter[fields.author][eq]={_AUTHOR}&filter[fields.price][gte]=-{{100000}}"
SCENARIOS = (
    Scenario("cached entry", f"{_DELIVERY}/article-7", "/cached", 0.45, cached=True),
    Scenario(
        "unchanged entry (304)",
        f"{_DELIVERY}/article-7",
        "/cached",
        0.45,
        cached=True,
        if_none_match=True,
    ),
    Scenario(
        "entry with author",
        f"{_DELIVERY}/article-{{10000}}?expand=author",
        "/entry/article-{10000}",
        0.6,
    ),
    Scenario(
        "list of 20 by author",
        f"{_DELIVERY}?{_BY_AUTHOR}",
        f"/list?author={_AUTHOR}&price=-{{100000}}",
        0.6,
    ),
    Scenario(
        "list with author and tags",
        f"{_DELIVERY}?{_BY_AUTHOR}&expand=author,tags",
        f"/full?author={_AUTHOR}&price=-{{100000}}",
        0.6,
    ),
)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    if shutil.which("wrk") is None:
        sys.exit("wrk is missing: apt-get install wrk")
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="hcms-bench-"))
        stack.callback(shutil.rmtree, folder)
        postgres = Postgres().create()
        stack.callback(postgres.remove)
        postgres.start()
        redis = Redis()
        stack.callback(redis.remove)
        redis.start()
        bench = Bench(postgres, redis, folder)
        bench.prepare()
        ours = stack.enter_context(ServeProcess(bench.environment(), folder / "log"))
        ours.wait_until_ready()
        token = bench.log_in(ours.url)
        etag = bench.keep_body(ours.url, token)
        peer = stack.enter_context(bench.peer())
        headers = {"Authorization": f"Bearer {token}"}
        say(f"{'':28}{'ours/s':>10}{'peer/s':>10}{'ratio':>8}{'target':>8}")
        for scenario in SCENARIOS:
            own = headers | ({"If-None-Match": etag} if scenario.if_none_match else {})
            rates: tuple[list[float], list[float]] = [], []
            for _ in range(options.rounds):
                again = None if scenario.cached else bench.outdate
                rates[0].append(bench.load(ours.url, scenario.ours, own, options.seconds, again))
                rates[1].append(bench.load(peer, scenario.peers, {}, options.seconds))
            our, their = (statistics.median(each) for each in rates)
            say(
                f"{scenario.name:28}{our:10.0f}{their:10.0f}{our / their:8.2f}"
                f"{scenario.target:8.2f}"
            )
        say(f"memory at most: {peak_mebibytes(ours.pid):.0f} MiB")


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


class Bench:
    def __init__(self, postgres: Postgres, redis: Redis, folder: Path) -> None:
        self._postgres = postgres
        self._redis = redis
        self._folder = folder

    def environment(self) -> dict[str, str]:
        limit = f"?connection_limit={CONNECTIONS}&pool_timeout=10"
        return {
            "DATABASE_URL": self._postgres.url("cms", f"{ROLE}:{PASSWORD}", limit),
            "REDIS_URL": self._redis.url,
            "JWT_SECRET": secrets.token_hex(32),
            "HOST": "127.0.0.1",
            "MALLOC_ARENA_MAX": "1",  # as the image has it
        }

    def prepare(self) -> None:
        role = self._folder / "role"
        role.mkdir()
        (role / "username").write_text(ROLE)
        (role / "password").write_text(PASSWORD)
        (self._folder / "acme.password").write_text(PASSWORD)
        asyncio.run(self._execute("postgres", "CREATE DATABASE cms"))
        settings = MigrateSettings.model_validate(
            {
                "database_url": self._postgres.superuser_url("cms"),
                "service_role_dir": role,
                "tenants": json.dumps([{"name": "acme", "ownerEmail": EMAIL}]),
                "tenant_passwords_dir": self._folder,
                "termination_log": self._folder / "termination-log",
            }
        )
        if job.run(settings):
            sys.exit((self._folder / "termination-log").read_text())
        asyncio.run(self._fill())

    async def _fill(self) -> None:
        connection = await asyncpg.connect(self._postgres.superuser_url("cms"))
        try:
            tenant: UUID = await connection.fetchval("SELECT id FROM cms.tenants")
            await connection.execute("SELECT set_config('cms.tenant', $1, false)", str(tenant))
            for name, fields in TYPES.items():
                type_id: UUID = await connection.fetchval(
                    "INSERT INTO cms.content_types (tenant_id, id, name, display_name, fields)"
                    " VALUES ($1, gen_random_uuid(), $2, $2, $3::jsonb) RETURNING id",
                    tenant,
                    name,
                    json.dumps(fields),
                )
                await connection.execute(_FILL.format(_CONTENT[name]), tenant, type_id)
            ids = {"tenant": str(tenant), "type": str(type_id)}
            (self._folder / "ids.json").write_text(json.dumps(ids))
            await connection.execute(_PEERS_INDEX)
            await connection.execute("VACUUM ANALYZE")
        finally:
            await connection.close()

    def outdate(self) -> None:
        """What was cached is not right any more."""
        bump = "UPDATE cms.tenants SET generation = cms.next_generation(generation)"
        asyncio.run(self._execute("cms", bump))

    async def _execute(self, database: str, statement: str) -> None:
        connection = await asyncpg.connect(self._postgres.superuser_url(database))
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    def log_in(self, url: str) -> str:
        body = {"email": EMAIL, "password": PASSWORD}
        answer = httpx.post(f"{url}/v1/tenants/acme/auth/login", json=body)
        token: str = answer.raise_for_status().json()["accessToken"]
        return token

    def keep_body(self, url: str, token: str) -> str:
        """For the peer; returns its ETag."""
        headers = {"Authorization": f"Bearer {token}"}
        answer = httpx.get(f"{url}{_DELIVERY}/article-7", headers=headers).raise_for_status()
        (self._folder / "body").write_bytes(answer.content)
        return answer.headers["etag"]

    @contextmanager
    def peer(self) -> Iterator[str]:
        port = free_port()
        command = [sys.executable, "-m", "benchmarks.delivery_peers", str(port)]
        command += [self._postgres.superuser_url("cms"), str(self._folder)]
        with subprocess.Popen(command, cwd=REPOSITORY) as process:
            try:
                url = f"http://127.0.0.1:{port}"
                wait_until(_answers(f"{url}/cached"), "the peer does not answer")
                yield url
            finally:
                process.terminate()

    def load(
        self,
        url: str,
        path: str,
        headers: dict[str, str],
        seconds: int,
        each_second: Callable[[], None] | None = None,
    ) -> float:
        """Requests a second, of 32 connections."""
        script = self._folder / "load.lua"
        lines = (f"headers[{json.dumps(k)}] = {json.dumps(v)}" for k, v in headers.items())
        encoded = path.replace("[", "%5B").replace("]", "%5D")
        script.write_text(_SCRIPT % ("\n".join(lines), encoded))
        command = ["wrk", "-t1", "-c32", f"-d{seconds}s", "-s", str(script), url]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            while process.poll() is None:
                if each_second is not None:
                    each_second()
                with suppress(subprocess.TimeoutExpired):
                    process.wait(1)
            output = process.stdout.read() if process.stdout else ""
        errors = _ERRORS.search(output)
        if process.returncode or errors:
            sys.exit(f"{path}: {errors[0] if errors else output}")
        return float(_RATE.findall(output)[0])


def _answers(url: str) -> Callable[[], bool]:
    def answers() -> bool:
        try:
            return httpx.get(url).is_success
        except httpx.TransportError:
            return False

    return answers


if __name__ == "__main__":
    main()
