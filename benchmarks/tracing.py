"""What tracing costs: a cached delivery by one process, without traces, with 1 % and with all of
them sampled.

`python -m benchmarks.tracing [SECONDS]`. The processes take turns with the machine, a collector
gets the spans, and the server's CPU for each request is what counts on a machine that others use.
"""

import asyncio
import multiprocessing
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from urllib.parse import urlsplit

from benchmarks.usage import cpu_seconds, peak_mebibytes
from tests.service.processes import ServeProcess, run_cms
from tests.service.servers import Postgres, Redis
from tests.service.world import (
    OWNER_PASSWORD,
    OWNER_ROLE,
    SERVICE_PASSWORD,
    SERVICE_ROLE,
    Site,
    execute,
    expect,
    write_tenant_files,
)
from tests.support.ports import free_port

SECONDS = 5.0
ROUNDS = 5
CONNECTIONS = 32
RATIOS = {"off": "", "1 %": "0.01", "100 %": "1"}


@dataclass(frozen=True)
class Turn:
    requests_per_second: float
    microseconds: float  # of the server's CPU, for one request


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else SECONDS
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        collector = stack.enter_context(_collector())
        site = stack.enter_context(_site(folder))
        path = asyncio.run(_publish(site))
        pods = {
            name: stack.enter_context(
                ServeProcess(site.environment(**_settings(ratio, collector)), folder / "log")
            ).wait_until_ready()
            for name, ratio in RATIOS.items()
        }
        turns: dict[str, list[Turn]] = {name: [] for name in pods}
        for _ in range(ROUNDS):
            for name, pod in pods.items():
                turns[name].append(_turn(pod, path, seconds))
        _report(turns, {name: peak_mebibytes(pod.pid) for name, pod in pods.items()})


def _report(turns: Mapping[str, list[Turn]], memory: Mapping[str, float]) -> None:
    rates = {name: median(turn.requests_per_second for turn in turns[name]) for name in turns}
    costs = {name: median(turn.microseconds for turn in turns[name]) for name in turns}
    lines = [
        "| traces | requests/s | of those without | CPU a request | peak memory |",
        "| --- | --- | --- | --- | --- |",
        *(
            f"| {name} | {rates[name]:,.0f} | {rates[name] / rates['off']:.2f} |"
            f" {costs[name]:.0f} us | {memory[name]:.0f} MiB |"
            for name in turns
        ),
    ]
    sys.stdout.write("\n".join(lines) + "\n")


def _settings(ratio: str, collector: str) -> dict[str, str]:
    if not ratio:
        return {}
    return {
        "OTEL_TRACES_EXPORTER": "otlp",
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector,
        "OTEL_TRACES_SAMPLER_ARG": ratio,
    }


def _turn(pod: ServeProcess, path: str, seconds: float) -> Turn:
    """The clients are a process of their own: they cost more than the server."""
    with multiprocessing.Pool(1) as pool:
        pool.apply(_load, (pod.url, path, 0.5))
        before = cpu_seconds(pod.pid)
        answered, took = pool.apply(_load, (pod.url, path, seconds))
        used = cpu_seconds(pod.pid) - before
    return Turn(answered / took, used / answered * 1e6)


def _load(url: str, path: str, seconds: float) -> tuple[int, float]:
    return asyncio.run(_ask_many(url, path, seconds))


async def _ask_many(url: str, path: str, seconds: float) -> tuple[int, float]:
    started = time.monotonic()
    counts = await asyncio.gather(*(_ask(url, path, started + seconds) for _ in range(CONNECTIONS)))
    return sum(counts), time.monotonic() - started


async def _ask(url: str, path: str, until: float) -> int:
    """One connection, kept alive; every answer is a 200."""
    place = urlsplit(url)
    reader, writer = await asyncio.open_connection(place.hostname, place.port)
    request = f"GET {path} HTTP/1.1\r\nHost: cms\r\n\r\n".encode()
    answered = 0
    while time.monotonic() < until:
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200 "):
            raise RuntimeError(head.decode())
        length = head.partition(b"content-length: ")[2].partition(b"\r\n")[0]
        await reader.readexactly(int(length))
        answered += 1
    writer.close()
    return answered


@contextmanager
def _site(folder: Path) -> Iterator[Site]:
    """A migrated database with two tenants, and Redis."""
    postgres, redis = Postgres().create(), Redis()
    try:
        postgres.start()
        redis.start()
        asyncio.run(
            execute(
                postgres,
                "postgres",
                f"CREATE ROLE {OWNER_ROLE} LOGIN CREATEROLE PASSWORD '{OWNER_PASSWORD}'",
                f"CREATE DATABASE cms OWNER {OWNER_ROLE}",
            )
        )
        (folder / "username").write_text(SERVICE_ROLE)
        (folder / "password").write_text(SERVICE_PASSWORD)
        done = run_cms(
            "migrate",
            environment={
                "DATABASE_URL": postgres.url("cms", f"{OWNER_ROLE}:{OWNER_PASSWORD}"),
                "SERVICE_ROLE_DIR": str(folder),
                "TENANTS": write_tenant_files(folder),
                "TENANT_PASSWORDS_DIR": str(folder),
            },
        )
        if done.returncode:
            raise RuntimeError(done.stdout + done.stderr)
        yield Site(postgres, redis, "cms")
    finally:
        redis.remove()
        postgres.remove()


async def _publish(site: Site) -> str:
    """3 kB that everyone may read."""
    async with site.pod() as pod:
        acme = await pod.log_in("acme")
        fields = [
            {"name": "slug", "kind": "slug", "required": True},
            {"name": "body", "kind": "text", "maxLength": 5000},
        ]
        article = {"name": "article", "displayName": "Article", "fields": fields}
        expect(await acme.client.post(f"{acme.root}/content-types", json=article), 201)
        await acme.publish_new(slug="hello", body="x" * 3000)
        await acme.open_to_the_public()
        return f"{acme.delivery}/hello"


@contextmanager
def _collector() -> Iterator[str]:
    port = free_port()
    process = multiprocessing.Process(target=_collect, args=(port,), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.join()


def _collect(port: int) -> None:
    asyncio.run(_serve(port))


async def _serve(port: int) -> None:
    async with await asyncio.start_server(_take, "127.0.0.1", port) as server:
        await server.serve_forever()


async def _take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answers and forgets."""
    try:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            await reader.readexactly(
                int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0])
            )
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
    except asyncio.IncompleteReadError:
        writer.close()


if __name__ == "__main__":
    main()
