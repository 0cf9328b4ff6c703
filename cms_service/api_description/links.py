"""Links from a request that creates something to the requests that go on with it. Pure."""

import re
from typing import Any

_NAME = re.compile(r"\{([a-z_]+)\}")


def add_links(document: dict[str, Any]) -> None:
    """Link each answer 201 of a path to the operations whose paths continue it by one more
    parameter: `…_id` is the `id` of what was made, `…_name` its `name`.
    """
    paths: dict[str, dict[str, dict[str, Any]]] = document["paths"]
    for path, operations in paths.items():
        made = operations.get("post", {}).get("responses", {}).get("201")
        if made is not None:
            made["links"] = {
                operation["operationId"]: _link(path, other, operation)
                for other, operations_there in paths.items()
                if _goes_on(path, other)
                for operation in operations_there.values()
            }


def _goes_on(path: str, other: str) -> bool:
    rest = other.removeprefix(path)
    return rest != other and rest.startswith("/{") and len(_NAME.findall(rest)) == 1


def _link(path: str, other: str, operation: dict[str, Any]) -> dict[str, Any]:
    known = {name: f"$request.path.{name}" for name in _NAME.findall(path)}
    new = _NAME.findall(other)[-1]
    member = "name" if new.endswith("_name") else "id"
    return {
        "operationId": operation["operationId"],
        "parameters": {**known, new: f"$response.body#/{member}"},
    }
