"""The API server is reached through a proxy where kubectl would do so."""

import pytest

from cms_operator.cluster.transport.client import proxy_of

SERVER = "https://api.example:6443"


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)


def test_without_settings_there_is_none() -> None:
    assert proxy_of(SERVER) is None


def test_a_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    assert proxy_of(SERVER) == "http://proxy.example:3128"


def test_a_server_that_is_excepted_is_reached_directly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    monkeypatch.setenv("NO_PROXY", ".example,10.0.0.0")
    assert proxy_of(SERVER) is None
