from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, PlainValidator, model_validator
from pydantic_settings import NoDecode

from cms_service.core.settings.database import DatabaseSettings
from cms_service.core.settings.default_limits import DefaultLimits, parse_limits

DefaultLimitsSetting = Annotated[DefaultLimits, NoDecode, PlainValidator(parse_limits)]


class MigrateSettings(DatabaseSettings):
    default_limits: DefaultLimitsSetting = DefaultLimits()
    service_role_dir: Path | None = None
    service_role_url_file: Path | None = None
    tenants: str = "[]"
    tenant_passwords_dir: Path | None = None
    migration_timeout_seconds: float = Field(default=600, ge=1, le=86_400)
    migration_lock_timeout_seconds: float = Field(default=5, gt=0, le=3600)
    database_owner: str = Field(default="", max_length=512)
    database_take_over_from: str = Field(default="", max_length=512)
    database_schema_in_use: int | None = Field(default=None, ge=0)
    termination_log: Path | None = None

    @model_validator(mode="after")
    def _a_session_of_its_own(self) -> Self:
        if self.database_url.pgbouncer:
            raise ValueError(
                "DATABASE_URL must lead to PostgreSQL itself and not through PgBouncer: the lock of"
                " the migrations belongs to one session"
            )
        return self

    @model_validator(mode="after")
    def _one_service_role(self) -> Self:
        if (self.service_role_dir is None) == (self.service_role_url_file is None):
            raise ValueError(
                "exactly one of SERVICE_ROLE_DIR and SERVICE_ROLE_URL_FILE must be set"
            )
        return self
