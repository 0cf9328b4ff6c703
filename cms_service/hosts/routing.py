"""Paths on a tenant's own host name need not name the tenant: /v1/tenant/... stands for
/v1/tenants/{tenant}/..., and /v1/content/... for /v1/delivery/{tenant}/...
"""

import re
from urllib.parse import quote

from cms_service.core.endpoints.answers import answers
from cms_service.core.errors import Misdirected, Unavailable
from cms_service.core.http.asgi import App, Receive, Scope, Send
from cms_service.hosts.directory import HostDirectory
from cms_service.hosts.names import of_header
from cms_service.hosts.shared import SharedHosts

API_PREFIX = "/v1/"
_SHORT = re.compile(r"/v1/(tenant|content)(/.*|)", re.DOTALL)
_LONG = re.compile(r"/v1/(?:tenants|delivery)/([^/]*).*", re.DOTALL)
_PREFIXES = {"tenant": "/v1/tenants", "content": "/v1/delivery"}


class HostRouting:
    def __init__(self, app: App, directory: HostDirectory, shared: SharedHosts) -> None:
        self._app = app
        self._directory = directory
        self._shared = shared

    @answers(Misdirected, Unavailable)
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Raises Misdirected where host and path name different tenants, and Unavailable where only
        the host names one and cannot be looked up.
        """
        host = _host(scope) if scope["path"].startswith(API_PREFIX) else None
        if host is not None and host not in self._shared:
            tenant = await self._tenant_of(host, scope["path"])
            if tenant is not None:
                scope["path"] = path_of(scope["path"], tenant)
                scope["raw_path"] = quote(scope["path"]).encode()
        await self._app(scope, receive, send)

    async def _tenant_of(self, host: str, path: str) -> str | None:
        try:
            return await self._directory.tenant_of(host)
        except Unavailable:
            if _SHORT.fullmatch(path) is not None:
                raise
            return None


def path_of(path: str, tenant: str) -> str:
    """The path with the tenant of the host in it. Raises Misdirected."""
    if (short := _SHORT.fullmatch(path)) is not None:
        return f"{_PREFIXES[short[1]]}/{tenant}{short[2]}"
    if (long := _LONG.fullmatch(path)) is not None and long[1] != tenant:
        raise Misdirected("This host name is not of the tenant in the path.")
    return path


def _host(scope: Scope) -> str | None:
    values = [value for name, value in scope["headers"] if name == b"host"]
    return of_header(values[0]) if len(values) == 1 else None
