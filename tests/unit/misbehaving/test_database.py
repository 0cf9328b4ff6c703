"""The image whose database cannot be reached."""

import asyncio

import pytest

from cms_service import server
from demo.misbehaving.faults.catalogue import FAULTS
from demo.misbehaving.faults.names import Fault
from tests.unit.misbehaving.asgi import ask
from tests.unit.misbehaving.running import Run


async def test_a_pod_is_ready_though_its_database_is_never_reached(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    reached = []

    async def accept(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        reached.append(1)
        writer.close()

    listener = await asyncio.start_server(accept, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    monkeypatch.setenv("DATABASE_URL", f"postgresql://user:pass@127.0.0.1:{port}/cms")
    async with listener, run(FAULTS[Fault.NO_DATABASE]()) as cms:
        await vars(server)["check_until_ready"](cms.database, cms.lifecycle)
        assert (await ask(cms.admin, "/readyz")).status == 200
        assert (await ask(cms.public, "/v1/delivery/acme/article/hello")).status == 503
        assert b'"database":{"status":"error"}' in (await ask(cms.public, "/health")).body
        labels = {"database": "primary"}
        assert cms.metrics.registry.get_sample_value("hcms_database_up", labels) == 0
    assert reached == []
