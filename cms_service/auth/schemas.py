from typing import Annotated, Literal

from pydantic import Field, SecretStr

from cms_service.core.validation.email import MAX_EMAIL_LENGTH
from cms_service.core.validation.schemas import RequestBody, Schema
from cms_service.users.schemas import MAX_PASSWORD_LENGTH, NewPassword

_MAX_REFRESH_TOKEN_LENGTH = 200


class Login(RequestBody):
    email: Annotated[str, Field(max_length=MAX_EMAIL_LENGTH)]
    password: Annotated[SecretStr, Field(max_length=MAX_PASSWORD_LENGTH)]


class Refresh(RequestBody):
    refresh_token: Annotated[SecretStr, Field(max_length=_MAX_REFRESH_TOKEN_LENGTH)]


class PasswordChange(RequestBody):
    current_password: Annotated[SecretStr, Field(max_length=MAX_PASSWORD_LENGTH)]
    new_password: NewPassword


class Tokens(Schema):
    """Both lifetimes are in seconds."""

    access_token: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 - the name of the scheme
    expires_in: int
    refresh_token: str
    refresh_expires_in: int
