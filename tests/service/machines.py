"""State machines of hypothesis against the real service: each step is a request, on either of two
pods, and a model says what its answer has to be.
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AsyncExitStack, contextmanager
from typing import Any, TypeVar

import httpx
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

from tests.service.world import Pod, Site

Result = TypeVar("Result")


class Stage:
    """Two pods in an event loop of their own: hypothesis calls its steps without one."""

    def __init__(self, site: Site, runner: asyncio.Runner) -> None:
        self.site = site
        self._runner = runner
        self._stack = AsyncExitStack()
        self.pods: list[Pod] = []
        self._clients: dict[tuple[int, str], httpx.AsyncClient] = {}

    def run(self, work: Coroutine[Any, Any, Result]) -> Result:
        return self._runner.run(work)

    def request(
        self, pod: int, token: str, method: str, path: str, **request: Any
    ) -> httpx.Response:
        client = self._clients.get((pod, token))
        if client is None:
            client = self._clients[pod, token] = self.pods[pod].client(token)
        answer = self.run(client.request(method, path, **request))
        assert answer.status_code < 500, f"{method} {path}: {answer.text}"
        return answer

    async def open(self) -> None:
        self.pods = [await self._stack.enter_async_context(self.site.pod()) for _ in range(2)]

    async def close(self) -> None:
        for client in self._clients.values():
            await client.aclose()
        await self._stack.aclose()


@contextmanager
def stage(site: Site) -> Iterator[Stage]:
    with asyncio.Runner() as runner:
        opened = Stage(site, runner)
        runner.run(opened.open())
        try:
            yield opened
        finally:
            runner.run(opened.close())


def run_machine(machine: Callable[[], RuleBasedStateMachine], examples: int, steps: int) -> None:
    """The same steps each time."""
    run_state_machine_as_test(
        machine,  # type: ignore[arg-type]  # it is called, whatever it is
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            derandomize=True,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
