from typing import Annotated

from pydantic import Field

TYPE_NAME_PATTERN = r"^[a-z][a-z0-9-]{0,62}$"

TypeName = Annotated[str, Field(pattern=TYPE_NAME_PATTERN)]
