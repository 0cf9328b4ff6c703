"""A strict route whose writes may name themselves by an Idempotency-Key."""

import re
from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import Depends, Header, Request, Response, params

from cms_service.auth.access import admitted
from cms_service.core.endpoints.answers import AnswerHeader, Answers
from cms_service.core.endpoints.strict_route import IDEMPOTENCY_KEY, WRITES, Handler, StrictRoute
from cms_service.core.errors import Conflict, Invalid, LimitReached
from cms_service.idempotency.repository import Answer
from cms_service.idempotency.secret_members import secret_members, without
from cms_service.idempotency.service import Idempotency, Named

REPLAYED = "Idempotency-Replayed"
_REPLAYED_HEADER = AnswerHeader(
    REPLAYED, "The answer is that of an earlier request with this key", "^true$", always=False
)
_PATTERN = r"^[!-~]{1,255}$"
_KEPT_HEADERS = ("content-type", "etag", "location", "x-hcms-generation")


async def _described(
    idempotency_key: Annotated[
        str | None,
        Header(
            pattern=_PATTERN,
            examples=["8e03978e-40d5-43e8-bc93-6894a57f9324"],
            description="The same request sent again with it within a day gets the first answer",
        ),
    ] = None,
) -> None:
    """Part of the API's description; what it is good for is done around the endpoint."""


class IdempotentRoute(StrictRoute):
    def __init__(
        self,
        *args: Any,
        methods: set[str] | list[str] | None = None,
        dependencies: Sequence[params.Depends] | None = None,
        **kwargs: Any,
    ) -> None:
        self.takes_idempotency_key = bool(WRITES & set(methods or ()))
        if self.takes_idempotency_key:
            dependencies = [*(dependencies or ()), Depends(_described)]
        super().__init__(*args, methods=methods, dependencies=dependencies, **kwargs)
        body = None if self.body_field is None else self.body_field.field_info.annotation
        self._secrets = secret_members(body)

    def own_answers(self) -> Answers:
        own = super().own_answers()
        if not self.takes_idempotency_key:
            return own
        return Answers(own.problems | {Conflict, Invalid, LimitReached}, (_REPLAYED_HEADER,))

    async def perform(self, request: Request, handler: Handler) -> Response:
        named = await self._named(request)
        if named is None:
            return await handler(request)

        async def act() -> Answer:
            return _answer(await handler(request))

        services = request.app.state.services
        answer, replayed = await services[Idempotency].once(named, act)
        response = Response(answer.body, answer.status, answer.headers)
        if replayed:
            response.headers[REPLAYED] = "true"
        return response

    async def _named(self, request: Request) -> Named | None:
        """None where the endpoint itself refuses the request, or it has no key.

        Raises Unauthorized, Forbidden and TooManyRequests: who is out gets no answer of the past
        either.
        """
        key = request.headers.get(IDEMPOTENCY_KEY)
        if not self.takes_idempotency_key or key is None or re.fullmatch(_PATTERN, key) is None:
            return None
        actor = await admitted(request, request.path_params["tenant"])
        return Named(
            tenant_id=actor.tenant_id,
            principal_id=actor.principal_id,
            key=key,
            method=request.method,
            path=request.url.path,
            query=request.scope["query_string"],
            if_match=request.headers.get("if-match", ""),
            body=without(self._secrets, await request.body()),
        )


def _answer(response: Response) -> Answer:
    """All that is to be told again; what every answer has comes anew."""
    headers = {name: response.headers[name] for name in _KEPT_HEADERS if name in response.headers}
    return Answer(response.status_code, headers, bytes(response.body))
