from typing import Annotated

from fastapi import Path

from cms_service.content_types.names import TYPE_NAME_PATTERN

TypePath = Annotated[str, Path(pattern=TYPE_NAME_PATTERN)]
