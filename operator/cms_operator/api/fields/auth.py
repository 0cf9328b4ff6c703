"""Access and refresh tokens."""

from typing import Annotated, ClassVar

from pydantic import Field

from cms_operator.api.model import Model
from cms_operator.api.rules import Rule
from cms_operator.api.types import KeyReference


class Auth(Model):
    jwt_secret_ref: KeyReference | None = None
    """Secret key with the signing key for tokens, 32 bytes or more. When absent: the key
    jwt-secret of secretName; when that is absent too, the operator makes one. Not in the Secret
    <name>-jwt, which the operator makes."""

    access_token_seconds: Annotated[int, Field(ge=60, le=86_400)] = 900
    """Life of an access token in seconds (default 900)."""

    refresh_token_seconds: Annotated[int, Field(ge=300, le=31_536_000)] = 1_209_600
    """Life of a refresh token in seconds (default 1209600, two weeks)."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="self.accessTokenSeconds <= self.refreshTokenSeconds",
            message="must be at least auth.accessTokenSeconds",
            holds=lambda auth: auth.access_token_seconds <= auth.refresh_token_seconds,
            field="refreshTokenSeconds",
        ),
    )
