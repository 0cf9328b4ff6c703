"""Images whose process does not stay or never gets ready, as the probes see it."""

import itertools
import tracemalloc

import pytest

from cms_service import server
from cms_service.app import Cms
from cms_service.migrations.files import latest_version
from demo.misbehaving.faults import process
from demo.misbehaving.faults.catalogue import FAULTS
from demo.misbehaving.faults.names import Fault
from tests.unit.misbehaving.asgi import ask
from tests.unit.misbehaving.running import Run


class MigratedDatabase:
    """Answers what a start asks."""

    async def fetch(self, _name: str, _sql: str) -> list[tuple[object, ...]]:
        return [(latest_version(), 1)]


async def start(cms: Cms) -> None:
    """Become ready as the server does it."""
    await vars(server)["check_until_ready"](MigratedDatabase(), cms.lifecycle)


async def readiness(cms: Cms) -> int:
    return (await ask(cms.admin, "/readyz")).status


async def test_a_crash_comes_half_a_minute_after_the_pod_was_ready(run: Run) -> None:
    seen: list[float] = []

    async def sleep(seconds: float) -> None:
        seen.extend([await readiness(cms), seconds])

    async with run(process.once_ready(lambda: process.crash(sleep, seen.append))) as cms:
        await start(cms)
    assert seen == [200, 30, 3]


class KilledError(Exception):
    pass


async def test_a_leak_takes_more_and_more_memory_until_the_process_is_killed() -> None:
    taken: list[int] = []

    async def sleep(_seconds: float) -> None:
        taken.append(tracemalloc.get_traced_memory()[0])
        if len(taken) == 5:
            raise KilledError

    tracemalloc.start()
    try:
        with pytest.raises(KilledError):
            await process.leak(sleep)
    finally:
        tracemalloc.stop()
    growth = [after - before for before, after in itertools.pairwise(taken)]
    assert min(growth) > 0.9 * process.LEAK_BYTES


@pytest.mark.parametrize(("fault", "act"), [(Fault.CRASH, "crash"), (Fault.LEAK, "leak")])
async def test_what_ends_later_is_ready_first(
    run: Run, monkeypatch: pytest.MonkeyPatch, fault: Fault, act: str
) -> None:
    seen: list[int] = []

    async def look() -> None:
        seen.append(await readiness(cms))

    monkeypatch.setattr(process, act, look)
    async with run(FAULTS[fault]()) as cms:
        await start(cms)
    assert seen == [200]


async def test_never_ready_stays_at_503_and_says_why(run: Run) -> None:
    async with run(FAULTS[Fault.NEVER_READY]()) as cms:
        await start(cms)
        answer = await ask(cms.admin, "/readyz")
    assert answer.status == 503
    assert b"on purpose" in answer.body


async def test_the_good_image_gets_ready(run: Run) -> None:
    async with run(FAULTS[Fault.GOOD]()) as cms:
        assert await readiness(cms) == 503
        await start(cms)
        assert await readiness(cms) == 200
