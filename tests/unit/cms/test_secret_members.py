"""Members of a request of which nothing may be kept."""

from typing import Any

import orjson
import pytest
from pydantic import BaseModel

from cms_service.idempotency.secret_members import secret_members, without
from cms_service.users.schemas import NewUser, UserChange


@pytest.mark.parametrize("model", [NewUser, UserChange])
def test_a_password_is_secret(model: type[BaseModel]) -> None:
    assert secret_members(model) == {"password"}


@pytest.mark.parametrize("body", [b"", b"null", b"[1]", b'{"password": "hunter2"', b"\xff"])
def test_nothing_is_kept_of_what_no_endpoint_takes(body: bytes) -> None:
    assert without(frozenset({"password"}), body) == b""


def test_that_there_is_a_secret_tells_requests_apart_and_the_secret_does_not() -> None:
    def kept(**body: Any) -> bytes:
        return without(frozenset({"password"}), orjson.dumps(body))

    assert kept(role="editor", password="one") == kept(password="two", role="editor")
    assert kept(role="editor") != kept(role="editor", password="one")
    assert kept(role="editor", password="one") != kept(role="author", password="one")
