from typing import Annotated
from uuid import UUID

from pydantic import Field, SecretStr

from cms_service.core.validation.email import EMAIL_PATTERN, MAX_EMAIL_LENGTH
from cms_service.core.validation.exact import Flag
from cms_service.core.validation.schemas import RequestBody, Schema, Timestamp
from cms_service.roles.names import GivenRole

MAX_PASSWORD_LENGTH = 256
MIN_PASSWORD_LENGTH = 12

Email = Annotated[str, Field(max_length=MAX_EMAIL_LENGTH, pattern=EMAIL_PATTERN)]
NewPassword = Annotated[
    SecretStr, Field(min_length=MIN_PASSWORD_LENGTH, max_length=MAX_PASSWORD_LENGTH)
]


class NewUser(RequestBody):
    email: Email
    password: NewPassword
    role: GivenRole


class UserChange(RequestBody):
    """What is left out stays as it is. Who is not active cannot log in, and their tokens are
    refused.
    """

    password: NewPassword | None = None
    role: GivenRole | None = None
    active: Flag | None = None


class User(Schema):
    id: UUID
    email: str
    role: str
    active: bool
    created_at: Timestamp
    updated_at: Timestamp
