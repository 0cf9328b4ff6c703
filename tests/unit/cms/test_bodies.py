"""Bodies that do not fit, by an application of one endpoint."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from fastapi import APIRouter, FastAPI

from cms_service.auth.schemas import Login
from cms_service.content_types.schemas import NewContentType
from cms_service.core.endpoints.problems import install_problem_handlers
from cms_service.core.endpoints.strict_route import MOST_MISFITS, StrictRoute

MANY = 40_000


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    router = APIRouter(route_class=StrictRoute)

    @router.post("/login")
    async def log_in(body: Login) -> None:
        pass

    @router.post("/types")
    async def create_type(body: NewContentType) -> None:
        pass

    app = FastAPI()
    install_problem_handlers(app)
    app.include_router(router)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://x") as made:
        yield made


def wrong_values(many: int) -> dict[str, Any]:
    choice = {"name": "size", "kind": "enumeration", "values": [1] * many}
    return {"name": "article", "displayName": "Article", "fields": [choice]}


def unknown_members(many: int) -> dict[str, Any]:
    return {"email": "a@example.com", "password": "b"} | {f"n{n}": 0 for n in range(many)}


@pytest.mark.parametrize(
    ("path", "body"), [("/login", unknown_members(MANY)), ("/types", wrong_values(MANY))]
)
async def test_of_thousands_of_misfits_no_list_is_made(
    client: httpx.AsyncClient, path: str, body: dict[str, Any]
) -> None:
    """It took a hundred megabytes and a second, from whoever could send one to the log-in."""
    answer = await client.post(path, json=body)
    assert answer.status_code == 422
    assert f"more than {MOST_MISFITS} places" in answer.json()["detail"]
    assert "errors" not in answer.json()


async def test_of_a_few_misfits_in_a_large_body_each_is_named(client: httpx.AsyncClient) -> None:
    body = {**wrong_values(3), "name": "x" * 20_000}
    errors = (await client.post("/types", json=body)).json()["errors"]
    told = {error["pointer"] for error in errors}
    assert told >= {"/name", *(f"/fields/0/values/{n}" for n in range(3))}


async def test_a_large_body_that_fits_is_taken(client: httpx.AsyncClient) -> None:
    values = [f"{n:0100}" for n in range(200)]
    choice = {"name": "size", "kind": "enumeration", "values": values}
    body = {"name": "article", "displayName": "Article", "fields": [choice]}
    assert (await client.post("/types", json=body)).status_code == 200
