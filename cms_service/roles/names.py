from typing import Annotated

from fastapi import Path
from pydantic import Field

from cms_service.auth.permissions import Role

_PATTERN = r"^[a-z][a-z0-9-]{0,62}$"

RoleName = Annotated[str, Field(pattern=_PATTERN)]
# One that is there: what JSON Schema can name are the built-in ones.
GivenRole = Annotated[
    RoleName, Field(json_schema_extra={"anyOf": [{"enum": list(Role)}, {"pattern": _PATTERN}]})
]
RolePath = Annotated[str, Path(pattern=_PATTERN)]
