"""kopf is started for other namespaces than the operator."""

from collections.abc import Awaitable, Callable
from typing import cast

import kopf
import pytest

from cms_operator import main


@pytest.mark.parametrize(("clusterwide", "namespaces"), [(True, "team-a"), (False, "")])
async def test_kopf_and_the_operator_must_follow_the_same(
    monkeypatch: pytest.MonkeyPatch, *, clusterwide: bool, namespaces: str
) -> None:
    monkeypatch.setenv("HCMS_WATCH_NAMESPACES", namespaces)
    settings = kopf.OperatorSettings()
    settings.peering.clusterwide = clusterwide
    start = cast(Callable[..., Awaitable[None]], main.start)
    with pytest.raises(kopf.PermanentError, match="HCMS_WATCH_NAMESPACES"):
        await start(settings=settings)
