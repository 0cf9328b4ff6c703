"""What the operator starts kopf with."""

from collections.abc import Awaitable, Callable
from typing import cast

import kopf
import pytest

from cms_operator import handlers, kopf_settings
from cms_operator.cluster.transport.client import SILENCE_SECONDS


@pytest.mark.parametrize(("clusterwide", "namespaces"), [(True, "team-a"), (False, "")])
async def test_kopf_and_the_operator_must_follow_the_same(
    monkeypatch: pytest.MonkeyPatch, *, clusterwide: bool, namespaces: str
) -> None:
    monkeypatch.setenv("HCMS_WATCH_NAMESPACES", namespaces)
    settings = kopf.OperatorSettings()
    settings.peering.clusterwide = clusterwide
    start = cast(Callable[..., Awaitable[None]], handlers.start)
    with pytest.raises(kopf.PermanentError, match="HCMS_WATCH_NAMESPACES"):
        await start(settings=settings)


def test_kopfs_watch_too_is_ended_before_it_counts_as_dead() -> None:
    settings = kopf.OperatorSettings()
    kopf_settings.configure(settings)
    asked = str(settings.watching.server_timeout)
    assert asked.isdecimal(), "the API server refuses another number"
    assert int(asked) < SILENCE_SECONDS
