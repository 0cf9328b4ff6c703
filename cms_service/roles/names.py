from typing import Annotated

from fastapi import Path
from pydantic import Field

_PATTERN = r"^[a-z][a-z0-9-]{0,62}$"

RoleName = Annotated[str, Field(pattern=_PATTERN)]
RolePath = Annotated[str, Path(pattern=_PATTERN)]
