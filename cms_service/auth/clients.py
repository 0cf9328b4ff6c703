"""Who is counted as one client."""

from collections.abc import Sequence

from fastapi import Request

from cms_service.auth.client_address import client_network
from cms_service.core.settings.networks import Network


class Clients:
    def __init__(self, trusted_proxies: Sequence[Network]) -> None:
        self._trusted = trusted_proxies

    def of(self, request: Request) -> str:
        peer = request.client.host if request.client else ""
        return client_network(peer, request.headers.getlist("x-forwarded-for"), self._trusted)
