"""Where in a document pydantic has found something wrong."""

from collections.abc import Mapping
from typing import Any


def path_in(document: Any, error: Mapping[str, Any], skip: int = 0) -> tuple[str | int, ...]:
    """The error's location without what is no part of the document: the kind that pydantic took
    an object for, and the first `skip` parts.
    """
    path: list[str | int] = []
    location = error["loc"][skip:]
    for position, part in enumerate(location, 1):
        if _has(document, part):
            document = document[part]
        elif error["type"] != "missing" or position < len(location):
            continue
        path.append(part)
    return tuple(path)


def _has(document: Any, part: str | int) -> bool:
    if isinstance(document, list):
        return isinstance(part, int) and part < len(document)
    return isinstance(document, dict) and part in document
