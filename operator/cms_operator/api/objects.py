"""The type of what the Kubernetes API takes and gives."""

from collections.abc import Mapping
from typing import Any

# A JSON object, or a part of one, that nobody changes: others may hold it too.
Object = Mapping[str, Any]
