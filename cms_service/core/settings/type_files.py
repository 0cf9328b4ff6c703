from pathlib import Path
from typing import Self

from pydantic import SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from cms_service.core.settings.loading import SettingsError


class TypesSettings(BaseSettings):
    """Where `cms types` finds the management API, and as whom."""

    model_config = SettingsConfigDict(extra="ignore", env_ignore_empty=True)

    cms_url: str
    cms_tenant: str
    cms_token: SecretStr | None = None
    cms_token_file: Path | None = None

    @model_validator(mode="after")
    def _one_token(self) -> Self:
        if (self.cms_token is None) == (self.cms_token_file is None):
            raise ValueError("exactly one of CMS_TOKEN and CMS_TOKEN_FILE must be set")
        return self

    def token(self) -> str:
        """Raises SettingsError."""
        try:
            text = (
                self.cms_token_file.read_text()
                if self.cms_token_file is not None
                else self.cms_token.get_secret_value()
                if self.cms_token is not None
                else ""
            ).strip()
        except (OSError, UnicodeDecodeError):
            raise SettingsError("CMS_TOKEN_FILE: cannot be read") from None
        if not text or not text.isascii() or not text.isprintable():
            raise SettingsError("CMS_TOKEN, CMS_TOKEN_FILE: must be one line of printable ASCII")
        return text
