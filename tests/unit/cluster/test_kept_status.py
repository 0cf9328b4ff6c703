"""A status that the server keeps only in part: its CRD is older than the operator."""

import logging
from collections.abc import Mapping
from typing import Any, cast

import pytest

from cms_operator.api.objects import Object
from cms_operator.cluster.cache.store import Store
from cms_operator.cluster.kinds import HEADLESS_CMS
from cms_operator.cluster.transport.client import KubernetesClient
from cms_operator.cluster.writing.status_writer import StatusWriter

STATUS = {"replicas": 1, "version": "1.0.0", "rollout": {"phase": "Baking", "heldBy": "ann"}}


class Server:
    """Keeps of a status what `known` lets through."""

    def __init__(self, *known: str) -> None:
        self.known = set(known)
        self.parent: dict[str, Any] = {
            "apiVersion": HEADLESS_CMS.api_version,
            "kind": HEADLESS_CMS.name,
            "metadata": {"name": "shop", "namespace": "a", "uid": "u", "resourceVersion": "1"},
        }
        self.writes: list[Mapping[str, Any]] = []

    async def request(self, _: str, __: str, *, body: Mapping[str, Any], **___: Any) -> Object:
        self.writes.append(body["status"])
        before = self.parent.get("status", {})
        kept = before | {k: v for k, v in body["status"].items() if k in self.known}
        version = int(self.parent["metadata"]["resourceVersion"]) + (kept != before)
        metadata = {**self.parent["metadata"], "resourceVersion": str(version)}
        self.parent = {**self.parent, "metadata": metadata, "status": kept}
        return self.parent


def writer_of(server: Server) -> StatusWriter:
    return StatusWriter(cast(KubernetesClient, server), Store())


async def test_what_is_not_kept_is_written_once(caplog: pytest.LogCaptureFixture) -> None:
    server = Server("replicas", "rollout")
    writer = writer_of(server)
    with caplog.at_level(logging.WARNING):
        assert await writer.write(server.parent, STATUS)
        for _ in range(5):
            assert not await writer.write(server.parent, STATUS)
    assert server.writes == [STATUS]
    assert caplog.text.count("status.version") == 1


async def test_news_are_written_all_the_same() -> None:
    server = Server("replicas")
    writer = writer_of(server)
    for replicas in (1, 2, 3):
        assert await writer.write(server.parent, STATUS | {"replicas": replicas})
        assert not await writer.write(server.parent, STATUS | {"replicas": replicas})
    assert server.parent["status"] == {"replicas": 3}


async def test_a_newer_crd_gets_it_after_the_next_resync() -> None:
    server = Server("replicas")
    writer = writer_of(server)
    await writer.write(server.parent, STATUS)
    server.known |= STATUS.keys()
    assert not await writer.write(server.parent, STATUS)
    writer.expire()
    assert await writer.write(server.parent, STATUS)
    assert server.parent["status"] == STATUS
