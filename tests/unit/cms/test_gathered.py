"""What belongs together is sent together, and nothing is kept."""

import asyncio
from collections.abc import Iterable

import pytest

from cms_service.core.gathered import Data, GatheredTransport


class Wire(asyncio.Transport):
    def __init__(self) -> None:
        super().__init__()
        self.sent: list[bytes] = []
        self.closed_after = -1

    def writelines(self, list_of_data: Iterable[Data]) -> None:
        self.sent.append(b"".join(list_of_data))

    def close(self) -> None:
        self.closed_after = len(self.sent)

    abort = close


@pytest.fixture
def wire() -> Wire:
    return Wire()


async def test_head_and_body_are_one_packet(wire: Wire) -> None:
    gathered = GatheredTransport(wire, asyncio.get_running_loop())
    gathered.write(b"head")
    gathered.writelines([b"", b"body"])
    gathered.flush()
    await asyncio.sleep(0)
    assert wire.sent == [b"headbody"]


async def test_a_head_does_not_wait_for_a_late_body(wire: Wire) -> None:
    gathered = GatheredTransport(wire, asyncio.get_running_loop())
    gathered.write(b"head")
    await asyncio.sleep(0)
    assert wire.sent == [b"head"]
    gathered.write(b"body")
    await asyncio.sleep(0)
    assert wire.sent == [b"head", b"body"]


async def test_an_end_comes_after_what_was_written_and_an_abort_at_once(wire: Wire) -> None:
    gathered = GatheredTransport(wire, asyncio.get_running_loop())
    gathered.write(b"last")
    gathered.close()
    assert (wire.sent, wire.closed_after) == ([b"last"], 1)
    gathered.write(b"too late")
    gathered.abort()
    await asyncio.sleep(0)
    assert wire.sent == [b"last"]
