from enum import StrEnum
from pathlib import Path
from typing import Annotated, Self

from pydantic import PlainValidator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from cms_service.core.credentials.place import POSTGRES_PORT
from cms_service.core.credentials.sources import CredentialSource, fixed, from_directory
from cms_service.core.credentials.url_file import from_url_file
from cms_service.core.settings.database_url import DatabaseUrl, parse_database_url

DatabaseUrlSetting = Annotated[DatabaseUrl, NoDecode, PlainValidator(parse_database_url)]


class LogLevel(StrEnum):
    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class DatabaseSettings(BaseSettings):
    """What the service and the migrations have in common."""

    model_config = SettingsConfigDict(extra="ignore", env_ignore_empty=True)

    database_url: DatabaseUrlSetting
    database_credentials_dir: Path | None = None
    database_credentials_url_file: Path | None = None
    log_level: LogLevel = LogLevel.INFO
    hcms_name: str = ""
    hcms_namespace: str = ""
    hcms_revision: str = ""

    @model_validator(mode="after")
    def _one_source_of_credentials(self) -> Self:
        sources = [
            self.database_credentials_dir,
            self.database_credentials_url_file,
            self.database_url.credentials,
        ]
        if sum(source is not None for source in sources) != 1:
            raise ValueError(
                "exactly one of DATABASE_CREDENTIALS_DIR, DATABASE_CREDENTIALS_URL_FILE and a user"
                " name in DATABASE_URL must say who connects to the database"
            )
        return self

    def database_credentials(self) -> CredentialSource:
        if self.database_credentials_dir is not None:
            return from_directory(self.database_credentials_dir)
        if self.database_credentials_url_file is not None:
            return from_url_file(
                self.database_credentials_url_file, self.database_url.dsn, POSTGRES_PORT
            )
        if self.database_url.credentials is None:  # excluded by the validator
            raise AssertionError
        return fixed(self.database_url.credentials)
