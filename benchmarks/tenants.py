# ruff: noqa: S608 - the statements are our own
"""What a request costs with 10 tenants and with 1,000, each with 100 content types.

    python -m benchmarks.tenants [--seconds 5] [--rounds 3]

All tenants are asked in turn, each with the token of its owner, for three of its types: what a
process remembers of types is bounded. Both deployments are there all the time and take turns. Needs
`wrk` (a Debian package).
"""

import asyncio
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from benchmarks import stores, wrk
from benchmarks.cost import Cost, measured, middle
from benchmarks.ours import Ours
from benchmarks.usage import cpu_seconds, family_cpu_seconds
from benchmarks.wrk import Request
from cms_service.auth.tokens import Identity
from localcluster.progress import Progress
from tests.service.processes import ServeProcess
from tests.service.servers import Postgres

FEW, MANY, TYPES, ASKED_FOR = 10, 1000, 100, 3
# Between the two at most.
DEARER = 1.1
_WARM_UP_SECONDS = 6

_TENANT = """INSERT INTO cms.tenants (id, name, display_name)
    VALUES (gen_random_uuid(), $1, $1) RETURNING id"""
_OWNER = """INSERT INTO cms.users (tenant_id, id, email, password_hash, role)
    VALUES ($1, gen_random_uuid(), 'owner@example.com', 'no password', 'owner') RETURNING id"""
_FIELDS = """[{"name": "title", "kind": "text"}, {"name": "slug", "kind": "slug"},
    {"name": "price", "kind": "number"}, {"name": "body", "kind": "text"}]"""
_CONTENT = f"""
WITH types AS (
    INSERT INTO cms.content_types (tenant_id, id, name, display_name, fields)
    SELECT $1, gen_random_uuid(), 'type-' || n, 'Type ' || n, '{_FIELDS}'
    FROM generate_series(0, {TYPES - 1}) n RETURNING id),
made AS (
    SELECT id AS type_id, gen_random_uuid() AS id, jsonb_build_object(
        'title', 'The only one', 'slug', 'one', 'price', 5, 'body', repeat('text ', 100)) AS fields
    FROM types),
entries AS (
    INSERT INTO cms.entries (tenant_id, id, content_type_id, slug, fields)
    SELECT $1, id, type_id, 'one', fields FROM made)
INSERT INTO cms.published_entries (tenant_id, entry_id, content_type_id, slug, fields, version)
SELECT $1, id, type_id, 'one', fields, 1 FROM made
"""


class Deployment:
    def __init__(self, site: Ours, tenants: int) -> None:
        self.tenants = tenants
        self._site = site
        self._tokens: list[str] = []

    def prepare(self) -> None:
        self._site.prepare()
        self._tokens = asyncio.run(self._fill())

    @contextmanager
    def serving(self, log: Path) -> Iterator[ServeProcess]:
        with ServeProcess(self._site.environment(), log) as process:
            yield process.wait_until_ready()

    def requests(self) -> dict[str, Request]:
        """Three has no divisor in common with the tenants: so each is asked for each in turn."""
        tenant, kind = f"tenant-{{{self.tenants}}}", f"type-{{{ASKED_FOR}}}"
        found = "filter[fields.price][gte]=-{1000000}"
        return {
            "an entry of each, cached": self._request(f"{tenant}/type-7/one"),
            "a list by a filter, uncached": self._request(f"{tenant}/{kind}?{found}"),
        }

    def _request(self, path: str) -> Request:
        return Request(f"/v1/delivery/{path}", tokens=self._tokens)

    async def _fill(self) -> list[str]:
        connection = await asyncpg.connect(self._site.database_url)
        try:
            tokens = [
                self._site.token(await _tenant(connection, f"tenant-{number}"))
                for number in range(self.tenants)
            ]
            await connection.execute("VACUUM ANALYZE")
        finally:
            await connection.close()
        return tokens


async def _tenant(connection: "asyncpg.Connection[asyncpg.Record]", name: str) -> Identity:
    async with connection.transaction():
        tenant = await connection.fetchval(_TENANT, name)
        await connection.execute("SELECT set_config('cms.tenant', $1, true)", str(tenant))
        owner = await connection.fetchval(_OWNER, tenant)
        await connection.execute(_CONTENT, tenant)
    return Identity(owner, tenant, name)


def main() -> None:
    options = wrk.options()
    progress = Progress()
    with ExitStack() as stack:
        folder, postgres, redis = stack.enter_context(stores.opened("tenants"))
        deployments = []
        for tenants in (FEW, MANY):
            own = folder / str(tenants)
            own.mkdir()
            deployment = Deployment(Ours(postgres, redis, own, f"cms_{tenants}"), tenants)
            with progress.step(f"{tenants} tenants"):
                deployment.prepare()
            server = stack.enter_context(deployment.serving(own / "log"))
            deployments.append((deployment, server))
        bench = Bench(postgres, folder, options.seconds, options.rounds)
        rows = [
            bench.row(name, [(each.requests()[name], server) for each, server in deployments])
            for name in deployments[0][0].requests()
        ]
    sys.stdout.write(f"{table(rows)}\n")


@dataclass(frozen=True)
class Row:
    name: str
    few: Cost
    many: Cost

    @property
    def ratio(self) -> float:
        return self.many.total / self.few.total


def table(rows: Sequence[Row]) -> str:
    lines = [
        f"| CPU ms a request (server, PostgreSQL) | {FEW} tenants | {MANY} tenants | ratio | |",
        "|---|--:|--:|--:|---|",
    ]
    for row in rows:
        cells = [row.name]
        cells += [
            f"{cost.total:.3f} ({cost.cpu['server']:.3f}, {cost.cpu['PostgreSQL']:.3f})"
            for cost in (row.few, row.many)
        ]
        verdict = "reached" if row.ratio <= DEARER else f"**above {DEARER:g}**"
        lines.append(f"| {' | '.join([*cells, f'{row.ratio:.2f}', verdict])} |")
    return "\n".join(lines)


class Bench:
    def __init__(self, postgres: Postgres, folder: Path, seconds: int, rounds: int) -> None:
        self._postgres = postgres
        self._folder = folder
        self._seconds = seconds
        self._rounds = rounds
        self._first = 0

    def row(self, name: str, asked: Sequence[tuple[Request, ServeProcess]]) -> Row:
        for request, server in asked:
            self._load(request, server, _WARM_UP_SECONDS)
        rounds = [[self._cost(*each) for each in asked] for _ in range(self._rounds)]
        few, many = (middle(costs) for costs in zip(*rounds, strict=True))
        return Row(name, few, many)

    def _cost(self, request: Request, server: ServeProcess) -> Cost:
        meters = {
            "server": lambda: cpu_seconds(server.pid),
            "PostgreSQL": lambda: family_cpu_seconds(self._postgres.pid),
        }
        return measured(lambda: self._load(request, server, self._seconds), meters)

    def _load(self, request: Request, server: ServeProcess, seconds: int) -> wrk.Figures:
        """Begins where the last one has ended, or beyond: nothing uncached is asked for twice."""
        figures = wrk.load(server.url, request, seconds, self._folder, self._first)
        self._first += figures.requests + wrk.CONNECTIONS
        return figures


if __name__ == "__main__":
    main()
