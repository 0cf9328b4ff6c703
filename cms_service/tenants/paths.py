from typing import Annotated

from fastapi import Path

from cms_service.tenants.schemas import TENANT_NAME_PATTERN

TenantPath = Annotated[str, Path(pattern=TENANT_NAME_PATTERN)]
