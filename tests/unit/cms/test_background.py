"""Work that no request asks for."""

import asyncio
import importlib
import pkgutil
from dataclasses import dataclass, field

import pytest

import cms_service
from cms_service import app
from cms_service.core.background.jobs import Background, Job
from cms_service.core.errors import Unavailable
from cms_service.core.lifecycle import Lifecycle
from cms_service.core.settings.serve import ServeSettings


@dataclass
class Piles:
    """So many pieces of work; an error in place of a piece."""

    work: list[Exception | None] = field(default_factory=list)
    done: int = 0

    async def run_once(self) -> bool:
        self.done += 1
        if self.work and (error := self.work.pop()) is not None:
            raise error
        return bool(self.work)


def background(lifecycle: Lifecycle, *jobs: Piles) -> Background:
    return Background(jobs, 0.001, lifecycle, lambda: 1.0)


@pytest.mark.parametrize("error", [Unavailable("away"), ZeroDivisionError()])
async def test_a_job_that_fails_keeps_no_other_from_its_work(error: Exception) -> None:
    broken, sound = Piles([error]), Piles([None, None])
    assert await background(Lifecycle(), broken, sound).run_once()
    assert (broken.done, sound.done) == (1, 1)


def kinds_of_jobs() -> set[type]:
    names = [one.name for one in pkgutil.walk_packages(cms_service.__path__, "cms_service.")]
    modules = [importlib.import_module(name) for name in names if not name.endswith("__main__")]
    classes = [value for module in modules for value in vars(module).values()]
    return {
        one
        for one in classes
        if isinstance(one, type) and hasattr(one, "run_once") and one not in {Background, Job}
    }


def test_a_pod_does_every_kind_of_work_that_there_is() -> None:
    settings = ServeSettings.model_validate(
        {
            "database_url": "postgresql://user:pass@127.0.0.1:1/cms",
            "redis_url": "redis://127.0.0.1:1/0",
            "jwt_secret": "a secret of at least 32 characters",
        }
    )
    done = [type(job) for job in app.build(settings).background.jobs]
    assert len(done) == len(set(done))
    assert set(done) == kinds_of_jobs()


@dataclass
class Waiting:
    """Goes on when it is let."""

    may_go_on: asyncio.Event
    begun: int = 0

    async def run_once(self) -> bool:
        self.begun += 1
        await self.may_go_on.wait()
        return False


async def test_a_job_that_waits_keeps_no_other_waiting() -> None:
    event = asyncio.Event()

    @dataclass
    class Ends(Piles):
        async def run_once(self) -> bool:
            if self.done == 3:
                event.set()
            return await super().run_once()

    waiting = Waiting(event)
    jobs = Background([waiting, Ends()], 0.001, Lifecycle(blocker=None), lambda: 1.0)
    task = asyncio.create_task(jobs.run_forever())
    async with asyncio.timeout(10):
        await event.wait()
    task.cancel()
    assert waiting.begun == 1


@pytest.mark.parametrize(
    ("lifecycle", "works"),
    [
        (Lifecycle(blocker=None), True),
        (Lifecycle(), False),
        (Lifecycle(blocker=None, draining=True), False),
    ],
)
async def test_a_pod_works_when_it_serves(lifecycle: Lifecycle, *, works: bool) -> None:
    job = Piles()
    task = asyncio.create_task(background(lifecycle, job).run_forever())
    for _ in range(20):
        await asyncio.sleep(0)
    task.cancel()
    assert (job.done > 0) == works
