"""Kinds of values that many fields share."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from cms_operator.api.model import Model
from cms_operator.api.rules import Rule, matches

_LABEL = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"

DnsLabel = Annotated[str, Field(min_length=1, max_length=63, pattern=f"^{_LABEL}$")]
ObjectName = Annotated[
    str, Field(min_length=1, max_length=253, pattern=rf"^{_LABEL}(\.{_LABEL})*$")
]
DataKey = Annotated[str, Field(min_length=1, max_length=253, pattern=r"^[-._a-zA-Z0-9]+$")]
HostName = Annotated[
    str,
    Field(min_length=1, max_length=253),
    matches(
        rf"^(\*\.)?{_LABEL}(\.{_LABEL})*$",
        "must be a host name in lower case, such as cms.example.com or *.example.com",
    ),
]
MAX_PATH = 256
# Characters that need no quoting.
IS_PATH = matches(
    r"^/[-A-Za-z0-9._~/%?&=,:+]*$",
    "must be a path that begins with /, such as /health or /posts?limit=1",
)
HttpPath = Annotated[str, Field(min_length=1, max_length=MAX_PATH), IS_PATH]

_QUALIFIED_NAME = rf"^({_LABEL}(\.{_LABEL})*/)?[A-Za-z0-9]([-A-Za-z0-9_.]{{0,61}}[A-Za-z0-9])?$"
_LONGEST_PREFIX = 253
_LONGEST_KEY = _LONGEST_PREFIX + 1 + 63
LabelKey = Annotated[str, Field(min_length=1, max_length=_LONGEST_KEY, pattern=_QUALIFIED_NAME)]
LabelValue = Annotated[
    str, Field(max_length=63, pattern=r"^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$")
]
AnnotationValue = Annotated[str, Field(max_length=8192)]


def _is_qualified(key: str) -> bool:
    is_short = len(key) <= _LONGEST_KEY and key.find("/") <= _LONGEST_PREFIX
    return is_short and bool(matches(_QUALIFIED_NAME, "").holds(key))


_QUALIFIED_KEYS = Rule(
    cel=(
        f"self.all(key, key.size() <= {_LONGEST_KEY} && key.indexOf('/') <= {_LONGEST_PREFIX} && "
        f"key.matches(r'{_QUALIFIED_NAME}'))"
    ),
    message="every key must be a qualified name, such as team or example.com/team",
    holds=lambda values: all(_is_qualified(key) for key in values),
)

Labels = Annotated[Mapping[str, LabelValue], Field(max_length=50), _QUALIFIED_KEYS]
# The longest ones together stay below what an object may have, 256 KiB.
Annotations = Annotated[Mapping[str, AnnotationValue], Field(max_length=30), _QUALIFIED_KEYS]


def _percent_or_count(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise PydanticCustomError("type", "must be a whole number or a percentage")
    return value


# The largest that an IntOrString of Kubernetes holds.
_MOST_PODS = 2**31 - 1

IntOrPercent = Annotated[
    Any,
    BeforeValidator(_percent_or_count),
    WithJsonSchema(
        {
            "anyOf": [{"type": "integer"}, {"type": "string"}],
            "maxLength": 5,
            "x-kubernetes-int-or-string": True,
        }
    ),
    Rule(
        cel=(
            f"type(self) == int ? self >= 0 && self <= {_MOST_PODS} : "
            "self.matches('^(100|[0-9]{1,2})%$')"
        ),
        message=f"must be a number of pods, 0 to {_MOST_PODS}, or a percentage such as 25%",
        holds=lambda value: (
            0 <= value <= _MOST_PODS
            if isinstance(value, int)
            else bool(matches("^(100|[0-9]{1,2})%$", "").holds(value))
        ),
    ),
]


class LocalReference(Model):
    name: ObjectName
    """Name of the object, in the namespace of the HeadlessCMS."""


class KeyReference(Model):
    name: ObjectName
    """Name of the object, in the namespace of the HeadlessCMS."""

    key: DataKey
    """Key in the object's data."""
