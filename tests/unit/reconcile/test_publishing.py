"""Who waits for a release hears how it ended, whatever becomes of the API server's answers."""

from collections.abc import Mapping
from typing import Any, cast

import aiohttp
import pytest

from cms_operator.api.conditions import ConditionType, Reason, condition
from cms_operator.api.status import RolloutStatus, Status
from cms_operator.cluster.cache.store import Store
from cms_operator.cluster.keys import Key
from cms_operator.cluster.kinds import HEADLESS_CMS
from cms_operator.cluster.transport.api_error import ApiError
from cms_operator.cluster.transport.client import KubernetesClient
from cms_operator.cluster.writing.apply import StaleReadError
from cms_operator.cluster.writing.status_writer import StatusWriter
from cms_operator.observability.metrics import REGISTRY
from cms_operator.reconcile.publishing import Publisher
from tests.unit.rollout.pictures import NOON, later

UNDER_WAY = Status(
    rollout=RolloutStatus(
        revision="b", strategy="Canary", phase="Progressing", started_at=NOON, since=NOON
    )
)
ROLLED_BACK, NO_SECRET = (
    condition(kind, value, reason, "told in tests", generation=1, now=NOON)
    for kind, value, reason in (
        (ConditionType.PROGRESSING, False, Reason.ROLLED_BACK),
        (ConditionType.SECRETS_READY, False, Reason.SECRET_NOT_FOUND),
    )
)
assert UNDER_WAY.rollout is not None
ABORTED = Status(
    rollout=UNDER_WAY.rollout.model_copy(update={"phase": "Aborted"}),
    conditions=(ROLLED_BACK, NO_SECRET),
)


class Server:
    """Takes what is written; `lost` is what comes in place of each answer, None where it comes."""

    def __init__(self, *lost: Exception | None) -> None:
        self.version, self.status = 1, UNDER_WAY.to_json()
        self.lost: list[Exception | None] = [*lost]
        self.events: list[str] = []

    @property
    def parent(self) -> dict[str, Any]:
        metadata = {"name": "shop", "namespace": "a", "uid": "u"}
        return {
            "apiVersion": HEADLESS_CMS.api_version,
            "kind": HEADLESS_CMS.name,
            "metadata": metadata | {"resourceVersion": str(self.version)},
            "status": self.status,
        }

    async def request(self, method: str, _: str, *, body: Mapping[str, Any], **__: Any) -> Any:
        if method == "POST":
            self.events.append(body["reason"])
        elif body["metadata"]["resourceVersion"] != str(self.version):
            raise ApiError(409, "Conflict", "")
        else:
            self.version, self.status = self.version + 1, ABORTED.to_json()
        if self.lost and (lost := self.lost.pop(0)):
            raise lost
        return self.parent


def publisher_of(server: Server) -> Publisher:
    writer = StatusWriter(cast(KubernetesClient, server), Store())
    return Publisher(writer, lambda: later(60))


def aborted() -> float:
    """Rollouts that have ended so, of the metric."""
    count = "hcms_operator_rollout_seconds_count"
    return REGISTRY.get_sample_value(count, {"strategy": "Canary", "outcome": "Aborted"}) or 0


TOLD = ["RolledBack", "SecretNotFound"]


@pytest.mark.parametrize(
    "trouble", [TimeoutError(), aiohttp.ClientOSError(), ApiError(503, "", "")]
)
async def test_an_event_that_is_not_taken_stops_neither_the_others_nor_the_reconcile(
    trouble: Exception,
) -> None:
    server = Server(None, trouble)
    assert await publisher_of(server).publish(server.parent, UNDER_WAY, ABORTED)
    assert server.events == TOLD


@pytest.mark.parametrize("lost", [TimeoutError(), aiohttp.ClientOSError(), ApiError(504, "", "")])
async def test_the_end_of_a_rollout_is_told_where_the_answer_to_its_status_was_lost(
    lost: Exception,
) -> None:
    server, before = Server(lost), aborted()
    publisher, seen = publisher_of(server), server.parent
    with pytest.raises(type(lost)):
        await publisher.publish(seen, UNDER_WAY, ABORTED)
    with pytest.raises(StaleReadError):  # the watch has not told of it yet
        await publisher.publish(seen, UNDER_WAY, ABORTED)
    assert server.events == []
    for _ in range(2):
        assert not await publisher.publish(server.parent, ABORTED, ABORTED)
        assert (server.events, aborted() - before) == (TOLD, 1)


async def test_one_that_was_deleted_meanwhile_is_forgotten() -> None:
    """Another of its name has a story of its own."""
    server = Server(TimeoutError())
    publisher = publisher_of(server)
    with pytest.raises(TimeoutError):
        await publisher.publish(server.parent, UNDER_WAY, ABORTED)
    publisher.forget(Key("a", "shop"))
    assert not await publisher.publish(server.parent, ABORTED, ABORTED)
    assert server.events == []
