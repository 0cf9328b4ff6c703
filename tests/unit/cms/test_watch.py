"""A mounted Secret that changes under a running process."""

import asyncio
from pathlib import Path

import pytest

from cms_service.core.credentials.watch import Watch, watch_files


async def test_a_change_before_the_watching_began_is_not_missed(tmp_path: Path) -> None:
    """The file was read when the process was put together, which is some time before."""
    file = tmp_path / "keys.json"
    file.write_text("new")
    read: asyncio.Queue[str] = asyncio.Queue()

    async def reread() -> None:
        read.put_nowait(file.read_text())

    watching = asyncio.create_task(watch_files([Watch((file,), reread)]))
    async with asyncio.timeout(30):
        assert await read.get() == "new"
        file.write_text("newer")
        assert await read.get() == "newer"
    watching.cancel()
    with pytest.raises(asyncio.CancelledError):
        await watching
