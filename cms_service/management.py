"""The management API: every route of it, served and described."""

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI

from cms_service.api_description import delivery as delivery_description
from cms_service.api_description import endpoints as api_description_endpoints
from cms_service.api_description.document import document_of
from cms_service.api_description.operations import Document
from cms_service.api_keys import endpoints as api_key_endpoints
from cms_service.audit import endpoints as audit_endpoints
from cms_service.auth import endpoints as auth_endpoints
from cms_service.bulk import endpoints as bulk_endpoints
from cms_service.content_types import endpoints as content_type_endpoints
from cms_service.core.endpoints.answers import answers_of
from cms_service.core.endpoints.problems import install_problem_handlers
from cms_service.core.endpoints.strict_route import StrictRoute
from cms_service.entries import endpoints as entry_endpoints
from cms_service.entries import search_endpoints
from cms_service.health import endpoints as health_endpoints
from cms_service.hosts import endpoints as host_endpoints
from cms_service.hosts.routing import API_PREFIX, HostRouting
from cms_service.limits import endpoints as limit_endpoints
from cms_service.locales import endpoints as locale_endpoints
from cms_service.recycle_bin import endpoints as bin_endpoints
from cms_service.roles import endpoints as role_endpoints
from cms_service.schedules import endpoints as schedule_endpoints
from cms_service.tenants import endpoints as tenant_endpoints
from cms_service.users import endpoints as user_endpoints
from cms_service.versions import endpoints as version_endpoints

_ROUTERS = (
    health_endpoints.router,
    api_description_endpoints.router,
    api_description_endpoints.content_router,
    auth_endpoints.router,
    tenant_endpoints.router,
    locale_endpoints.router,
    user_endpoints.router,
    role_endpoints.router,
    api_key_endpoints.router,
    host_endpoints.router,
    limit_endpoints.router,
    content_type_endpoints.router,
    entry_endpoints.router,
    search_endpoints.router,
    version_endpoints.router,
    schedule_endpoints.router,
    bin_endpoints.router,
    bulk_endpoints.router,
    audit_endpoints.router,
)


def management(services: Mapping[type, Any]) -> FastAPI:
    app = FastAPI(openapi_url=None, redirect_slashes=False)
    app.state.services = services
    install_problem_handlers(app)
    # They are tried one after the other: the one that is asked most comes first.
    for router in sorted(_ROUTERS, key=lambda router: router is not entry_endpoints.router):
        app.include_router(router)
    return app


def api_document() -> Document:
    routes = [route for each in _ROUTERS for route in each.routes if isinstance(route, StrictRoute)]
    return document_of(
        routes,
        {API_PREFIX: answers_of(HostRouting.__call__)},
        delivery_description.operations(),
        delivery_description.schemas(),
    )
