"""The API server's refusals, and what follows from each status:

status                   400 401 403 404 405 409 410 413 422 429 500 502 503 504
is_worth_retrying         -   -   -   -   -   -   -   -   -   x   x   x   x   x
leaves_the_copy_good      -   x   x   -   -   -   -   -   -   x   -   -   x   x
is_about_one_kind         -   -   x   x   -   -   -   -   -   -   -   -   -   -
may_be_told_of_a_child    x   -   x   x   x   -   -   x   x   x   x   -   x   x
is_the_objects_fault      x   -   x   x   x   x   x   x   x   -   -   -   -   -
"""

import re
from http import HTTPStatus

import aiohttp

# The server has done nothing yet, and may say in Retry-After when to ask again.
BUSY = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)
_NO_RIGHT = re.compile(r'User "[^"]*" cannot ')
_ABOUT_ONE_KIND = (HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND)
_OF_A_CHILD = (400, 403, 404, 405, 413, 422, 429, 500, 503, 504)
_COPY_STAYS_GOOD = (401, 403, 429, 503, 504)
_ABOUT_US = (HTTPStatus.UNAUTHORIZED, HTTPStatus.TOO_MANY_REQUESTS)


class ApiError(Exception):
    """The API server answered with a status other than 2xx.

    `reason` is the machine-readable word of the server's Status (NotFound,
    Conflict, Forbidden, ...), `message` its sentence. `patience` are the seconds that a busy
    server asks to wait, None where it does not ask.
    """

    def __init__(
        self, status: int, reason: str, message: str, patience: float | None = None
    ) -> None:
        super().__init__(f"{status} {reason}: {message}")
        self.status = status
        self.reason = reason
        self.message = message
        self.patience = patience

    @property
    def is_not_found(self) -> bool:
        return self.status == HTTPStatus.NOT_FOUND

    @property
    def is_conflict(self) -> bool:
        return self.status == HTTPStatus.CONFLICT

    @property
    def lacks_a_right(self) -> bool:
        """The authorizer refuses it, and no quota, policy or webhook; or the token is not good."""
        forbidden = self.status == HTTPStatus.FORBIDDEN and _NO_RIGHT.search(self.message)
        return bool(forbidden) or self.status == HTTPStatus.UNAUTHORIZED

    @property
    def is_worth_retrying(self) -> bool:
        """The server is unwell or busy: the same request may soon succeed."""
        return self.status in BUSY or self.status >= HTTPStatus.INTERNAL_SERVER_ERROR

    @property
    def leaves_the_copy_good(self) -> bool:
        """What a watch knows stays good: a list would be refused as well."""
        return self.status in _COPY_STAYS_GOOD

    @property
    def is_about_one_kind(self) -> bool:
        """The kind may not be read here, or is not served; that says nothing of other kinds."""
        return self.status in _ABOUT_ONE_KIND

    @property
    def may_be_told_of_a_child(self) -> bool:
        """The child alone may be refused, by a webhook that is down as well: the rest is made."""
        return self.status in _OF_A_CHILD

    @property
    def is_the_objects_fault(self) -> bool:
        """The server is there, knows us and has time: what was asked is what it refuses."""
        return self.status < HTTPStatus.INTERNAL_SERVER_ERROR and self.status not in _ABOUT_US


NO_ANSWER = (aiohttp.ClientError, TimeoutError)
FAILURES = (ApiError, *NO_ANSWER)
