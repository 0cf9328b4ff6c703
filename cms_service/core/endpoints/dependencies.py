"""How an endpoint comes to its service."""

from collections.abc import Awaitable, Callable
from typing import TypeVar, cast

from fastapi import Request

Service = TypeVar("Service")


def provide(kind: type[Service]) -> Callable[[Request], Awaitable[Service]]:
    async def dependency(request: Request) -> Service:  # async: FastAPI gives others a thread
        return cast("Service", request.app.state.services[kind])

    return dependency
