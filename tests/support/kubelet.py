"""What the kubelet makes of a container's variables."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

# $$ stands for $, and $(NAME) for a variable that comes before; what is neither stays.
_REFERENCE = re.compile(r"\$\$|\$\(([^)]*)\)")


def environment(variables: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Those whose value stands in the manifest."""
    found: dict[str, str] = {}
    for variable in variables:
        if "value" in variable:
            found[variable["name"]] = expanded(variable["value"], found)
    return found


def expanded(text: str, known: Mapping[str, str]) -> str:
    def value(reference: re.Match[str]) -> str:
        if reference[0] == "$$":
            return "$"
        return known.get(reference[1], reference[0])

    return _REFERENCE.sub(value, text)
