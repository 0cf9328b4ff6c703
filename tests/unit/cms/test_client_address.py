"""A client is known by its connection; a header counts as far as those who wrote it are trusted."""

import pytest

from cms_service.auth.client_address import client_network
from cms_service.core.settings.networks import parse_networks

PROXIES = "10.0.0.0/8, fd00::/8"


@pytest.mark.parametrize(
    ("peer", "forwarded_for", "trusted", "client"),
    [
        ("203.0.113.7", [], "", "203.0.113.7"),
        ("203.0.113.7", ["198.51.100.1"], "", "203.0.113.7"),
        ("203.0.113.7", ["198.51.100.1"], PROXIES, "203.0.113.7"),
        ("10.0.0.1", ["198.51.100.1"], PROXIES, "198.51.100.1"),
        ("10.0.0.1", ["192.0.2.1, 198.51.100.1, 10.9.9.9"], PROXIES, "198.51.100.1"),
        ("10.0.0.1", ["192.0.2.1", "198.51.100.1"], PROXIES, "198.51.100.1"),
        ("10.0.0.1", ["192.0.2.1, <script>"], PROXIES, "10.0.0.1"),
        ("10.0.0.1", ["10.0.0.2,10.0.0.3"], PROXIES, "10.0.0.2"),
        ("10.0.0.1", [], PROXIES, "10.0.0.1"),
        ("10.0.0.1", [""], PROXIES, "10.0.0.1"),
        ("fd00::1", ["2001:db8:1:2:3:4:5:6"], PROXIES, "2001:db8:1:2::/64"),
        ("::ffff:10.0.0.1", ["::ffff:192.0.2.1"], PROXIES, "192.0.2.1"),
        ("", ["198.51.100.1"], PROXIES, "unknown"),
    ],
)
def test_a_client(peer: str, forwarded_for: list[str], trusted: str, client: str) -> None:
    assert client_network(peer, forwarded_for, parse_networks(trusted)) == client


@pytest.mark.parametrize("text", ["10.0.0.1/8", "everyone", "10.0.0.0/33"])
def test_a_wrong_network_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must name networks"):
        parse_networks(text)
