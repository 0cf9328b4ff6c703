"""Hashing is slow on purpose: few at once, some more may wait, and the rest is refused."""

import asyncio
import threading

import pytest

from cms_service.auth import passwords
from cms_service.auth.passwords import Passwords
from cms_service.core.errors import Unavailable
from cms_service.core.metrics import Metrics


async def test_passwords_wait_in_a_queue_that_is_seen_and_bounded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    go_on = threading.Event()
    monkeypatch.setattr(passwords, "_matches", lambda *_: go_on.wait())
    metrics = Metrics("")
    queue = Passwords(metrics)

    def figures() -> tuple[float | None, ...]:
        return tuple(
            metrics.registry.get_sample_value(f"hcms_argon2_{name}")
            for name in ("threads", "running", "waiting", "rejected_total")
        )

    assert figures() == (2, 0, 0, 0)
    attempts = [asyncio.create_task(queue.verify("secret", "hash")) for _ in range(60)]
    await asyncio.sleep(0)
    assert figures() == (2, 2, 48, 10)
    go_on.set()
    answers = await asyncio.gather(*attempts, return_exceptions=True)
    assert sum(answer is True for answer in answers) == 50
    assert sum(isinstance(answer, Unavailable) for answer in answers) == 10
    assert figures() == (2, 0, 0, 10)
    queue.close()
