"""Ways in which an API server, or the way to it, misbehaves."""

import asyncio
import itertools
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus

from aiohttp import web

from tests.controlplane.operator_process import OperatorProcess
from tests.controlplane.proxy import (
    Call,
    CutError,
    EndError,
    Fault,
    Forward,
    HalfError,
    Proxy,
    refusal,
    status_of,
)


@dataclass(frozen=True)
class Proxied:
    """An operator and the way that it takes to the API server."""

    proxy: Proxy
    operator: OperatorProcess


@contextmanager
def behind_a_proxy(replaced: OperatorProcess, name: str, resync_seconds: int) -> Iterator[Proxied]:
    """An operator, alone, whose way to the API server a test can disturb."""
    control_plane = replaced.control_plane
    kubeconfig = control_plane.folder / f"{name}.kubeconfig"
    with Proxy(control_plane.operator_kubeconfig, kubeconfig) as proxy:
        environment = {"KUBECONFIG": str(kubeconfig), "HCMS_RESYNC_SECONDS": str(resync_seconds)}
        process = replaced.another(name, environment=environment)
        with replaced.replaced_by(process):
            yield Proxied(proxy, process)


class Of(Fault):
    """A fault of those calls alone that `picks` chooses."""

    def __init__(self, fault: Fault, picks: Callable[[Call], bool]) -> None:
        self._fault = fault
        self._picks = picks

    async def answer(self, call: Call, forward: Forward) -> web.StreamResponse:
        picked = self._picks(call)
        return await (self._fault.answer(call, forward) if picked else forward())

    async def event(self, call: Call, line: bytes) -> bytes:
        return await self._fault.event(call, line) if self._picks(call) else line

    async def end(self) -> None:
        await self._fault.end()


class Hanging(Fault):
    """Takes requests and answers none."""

    def __init__(self) -> None:
        self._over = asyncio.Event()

    async def answer(self, call: Call, forward: Forward) -> web.StreamResponse:  # noqa: ARG002
        await self._over.wait()
        raise CutError

    async def event(self, call: Call, line: bytes) -> bytes:  # noqa: ARG002
        await self._over.wait()
        raise CutError

    async def end(self) -> None:
        self._over.set()


class Refusing(Fault):
    """Takes one write of three, and refuses the others by turns in each of these ways."""

    def __init__(self, *ways: tuple[HTTPStatus, str]) -> None:
        self._answers = itertools.cycle((None, ways[0], ways[-1], None, ways[-1], ways[0]))
        self.refused = 0

    async def answer(self, call: Call, forward: Forward) -> web.StreamResponse:
        way = next(self._answers) if call.is_write else None
        if way is None:
            return await forward()
        self.refused += 1
        return refusal(*way)


class Slow(Fault):
    """Each answer and each event takes its time."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    async def answer(self, call: Call, forward: Forward) -> web.StreamResponse:  # noqa: ARG002
        await asyncio.sleep(self._seconds)
        return await forward()

    async def event(self, call: Call, line: bytes) -> bytes:  # noqa: ARG002
        await asyncio.sleep(self._seconds)
        return line


class Late(Fault):
    """Each answer takes its time on the way back."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    async def answer(self, call: Call, forward: Forward) -> web.StreamResponse:  # noqa: ARG002
        found = await forward()
        await asyncio.sleep(self._seconds)
        return found


class Silent(Fault):
    """Watches stay open and tell nothing."""

    async def event(self, call: Call, line: bytes) -> bytes:  # noqa: ARG002
        return b""


class Counted(Fault):
    """`struck` is how often it has done harm."""

    def __init__(self) -> None:
        self.struck = 0


class Erring(Counted):
    """Each watch tells an error at its first event."""

    def __init__(self, status: HTTPStatus, reason: str) -> None:
        super().__init__()
        self._status = status_of(status, reason)

    async def event(self, call: Call, line: bytes) -> bytes:  # noqa: ARG002
        self.struck += 1
        return json.dumps({"type": "ERROR", "object": self._status}).encode() + b"\n"


class Expiring(Erring):
    """Each watch ends at its first event: what it wants to go on from is too old."""

    def __init__(self) -> None:
        super().__init__(HTTPStatus.GONE, "Expired")


class Closing(Counted):
    """Each watch ends at its first event, of which it tells a share."""

    def __init__(self, share: float) -> None:
        super().__init__()
        self._share = share

    async def event(self, call: Call, line: bytes) -> bytes:  # noqa: ARG002
        self.struck += 1
        raise EndError(line[: int(len(line) * self._share)])


class Babbling(Counted):
    """Each watch tells at its first event what no API server does."""

    def __init__(self, line: bytes) -> None:
        super().__init__()
        self._line = line

    async def event(self, call: Call, line: bytes) -> bytes:  # noqa: ARG002
        self.struck += 1
        return self._line


class Denying(Counted):
    """Answers the calls that `picks` chooses with a refusal, of which the server never hears."""

    def __init__(self, status: HTTPStatus, reason: str, picks: Callable[[Call], bool]) -> None:
        super().__init__()
        self._way = status, reason
        self._picks = picks

    async def answer(self, call: Call, forward: Forward) -> web.StreamResponse:
        if not self._picks(call):
            return await forward()
        self.struck += 1
        return refusal(*self._way)


class Halving(Counted):
    """Breaks off in the middle of each fourth answer; the server has done what was asked."""

    def __init__(self) -> None:
        super().__init__()
        self._halved = itertools.cycle((True, False, False, False))

    async def answer(self, call: Call, forward: Forward) -> web.StreamResponse:  # noqa: ARG002
        found = await forward()
        if not isinstance(found, web.Response) or not next(self._halved):
            return found
        self.struck += 1
        raise HalfError(found)


class Busy(Counted):
    """Asks for patience at the first write to each object; `kept` are the seconds that it got."""

    def __init__(self, seconds: int) -> None:
        super().__init__()
        self._seconds = seconds
        self._asked: dict[str, float] = {}
        self.kept: dict[str, float] = {}

    async def answer(self, call: Call, forward: Forward) -> web.StreamResponse:
        now = asyncio.get_running_loop().time()
        if not call.is_write or call.path in self.kept:
            return await forward()
        if call.path in self._asked:
            self.kept[call.path] = now - self._asked[call.path]
            return await forward()
        self.struck += 1
        self._asked[call.path] = now
        return refusal(HTTPStatus.TOO_MANY_REQUESTS, "TooManyRequests", self._seconds)


class Rewinding(Counted):
    """Watches ask for all since the beginning; `struck` counts what the server has forgotten."""

    def query(self, call: Call) -> Mapping[str, str]:
        return {"resourceVersion": "1"} if call.is_watch else {}

    async def event(self, call: Call, line: bytes) -> bytes:  # noqa: ARG002
        told = json.loads(line)
        gone = told["type"] == "ERROR" and told["object"]["code"] == HTTPStatus.GONE
        self.struck += gone
        return line


class Killing(Fault):
    """Kills the operator at the writes that `picks` chooses, and starts it again.

    Just before such a write reaches the server, or just after the server has done it and before
    the operator learns of that.
    """

    def __init__(
        self, operator: OperatorProcess, picks: Callable[[Call], bool], *, after: bool
    ) -> None:
        self._operator = operator
        self._picks = picks
        self._after = after
        self._start: asyncio.Task[None] | None = None
        self._over = False
        self.killed: list[Call] = []

    async def answer(self, call: Call, forward: Forward) -> web.StreamResponse:
        if self._start is not None and call.is_write:
            await asyncio.shield(self._start)
        if self._over or not (call.is_write and self._picks(call)):
            return await forward()
        if self._after:
            await forward()
        self._operator.kill()
        self.killed.append(call)
        self._start = asyncio.create_task(asyncio.to_thread(self._operator.start))
        raise CutError

    async def end(self) -> None:
        """Raises AssertionError where it could not start again."""
        self._over = True
        if self._start is not None:
            await self._start
