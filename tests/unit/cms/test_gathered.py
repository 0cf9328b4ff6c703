"""What belongs together is sent together, and nothing is kept."""

import asyncio
from collections.abc import Iterable

import pytest

from cms_service.core.http.gathered import Data, GatheredTransport


class Wire(asyncio.Transport):
    def __init__(self) -> None:
        super().__init__()
        self.sent: list[bytes] = []
        self.closed_after = -1
        self.closes_told = 0

    def writelines(self, list_of_data: Iterable[Data]) -> None:
        if self.is_closing():
            raise RuntimeError("the handler is closed")  # as uvloop has it
        self.sent.append(b"".join(list_of_data))

    def is_closing(self) -> bool:
        return self.closed_after >= 0

    def close(self) -> None:
        self.closed_after = len(self.sent)

    abort = close

    def note_close(self) -> None:
        assert self.is_closing()
        self.closes_told += 1


@pytest.fixture
def wire() -> Wire:
    return Wire()


@pytest.fixture
async def gathered(wire: Wire) -> GatheredTransport:
    return GatheredTransport(wire, asyncio.get_running_loop(), wire.note_close)


async def test_head_and_body_are_one_packet(wire: Wire, gathered: GatheredTransport) -> None:
    gathered.write(b"head")
    gathered.writelines([b"", b"body"])
    gathered.flush()
    await asyncio.sleep(0)
    assert wire.sent == [b"headbody"]


async def test_a_head_does_not_wait_for_a_late_body(
    wire: Wire, gathered: GatheredTransport
) -> None:
    gathered.write(b"head")
    await asyncio.sleep(0)
    assert wire.sent == [b"head"]
    gathered.write(b"body")
    await asyncio.sleep(0)
    assert wire.sent == [b"head", b"body"]


async def test_an_end_comes_after_what_was_written_and_an_abort_at_once(
    wire: Wire, gathered: GatheredTransport
) -> None:
    gathered.write(b"last")
    gathered.close()
    assert (wire.sent, wire.closed_after, wire.closes_told) == ([b"last"], 1, 1)
    gathered.write(b"too late")
    gathered.abort()
    await asyncio.sleep(0)
    assert wire.sent == [b"last"]


async def test_what_is_written_to_a_connection_that_is_gone_goes_nowhere(
    wire: Wire, gathered: GatheredTransport
) -> None:
    gathered.write(b"under way")
    wire.close()
    gathered.flush()
    gathered.write(b"too late")
    await asyncio.sleep(0)
    assert wire.sent == []
