"""The CMS put together as in an image; nothing answers as its database or its Redis."""

from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, asynccontextmanager

import pytest

from cms_service import app
from cms_service.core.settings.loading import load
from cms_service.core.settings.serve import ServeSettings
from tests.unit.misbehaving.running import Run


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("DATABASE_URL", "postgresql://user:pass@127.0.0.1:1/cms")
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1/0")
    monkeypatch.setenv("JWT_SECRET", "a secret of at least 32 characters")
    monkeypatch.setenv("HCMS_REVISION", "candidate")

    @asynccontextmanager
    async def running(fault: AbstractContextManager[object]) -> AsyncIterator[app.Cms]:
        with fault:
            cms = app.build(load(ServeSettings))
            await cms.open()
            try:
                yield cms
            finally:
                await cms.close(1)

    return running
