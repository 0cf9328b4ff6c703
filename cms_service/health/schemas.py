from datetime import datetime
from typing import Literal

from cms_service.core.validation.schemas import Schema


class Check(Schema):
    status: Literal["ok", "error"]


class Checks(Schema):
    database: Check
    redis: Check


class Health(Schema):
    status: Literal["ok", "degraded"]
    timestamp: datetime
    checks: Checks
