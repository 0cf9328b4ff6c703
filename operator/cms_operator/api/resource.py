"""The HeadlessCMS as a whole, and the one way to read it."""

import json
import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, ValidationError
from pydantic_core import ErrorDetails

from cms_operator.api.model import Model
from cms_operator.api.objects import Object
from cms_operator.api.rules import Rule
from cms_operator.api.spec import Spec
from cms_operator.api.status import Status

GROUP = "headlesscms.io"
VERSION = "v1alpha1"
KIND = "HeadlessCMS"
PLURAL = "headlesscmses"
API_VERSION = f"{GROUP}/{VERSION}"

_NAME = re.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?")


class InvalidSpec(ValueError):  # noqa: N818 - it is what the condition says
    """Each problem is `path.of.field: what is wrong`, without the value."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


class Metadata(Model):
    name: str
    namespace: str = "default"
    uid: str = ""
    generation: int = 0
    annotations: Mapping[str, str] = Field(default_factory=dict)


def _known_metadata(value: Any) -> Any:
    """Metadata holds much that is the API server's affair, in every version more."""
    if not isinstance(value, dict):
        return value
    return {key: value[key] for key in Metadata.model_fields if key in value}


def _not_the_operators(field: str, named: Callable[[Spec], str | None]) -> Rule:
    """The operator always makes the Secret <name>-jwt, so none of the user's can have this name."""
    return Rule(
        cel=(
            f"!has(self.spec.{field.removesuffix('.name')}) || "
            f"self.spec.{field} != self.metadata.name + '-jwt'"
        ),
        message="must not be that of the Secret with the operator's keys, <name>-jwt",
        holds=lambda resource: named(resource.spec) != f"{resource.metadata.name}-jwt",
        field=f"spec.{field}",
        reason="FieldValueForbidden",
    )


class HeadlessCMS(Model):
    api_version: Literal["headlesscms.io/v1alpha1"]
    kind: Literal["HeadlessCMS"]
    metadata: Annotated[Metadata, BeforeValidator(_known_metadata)]
    spec: Spec
    """What is asked for."""

    status: Status = Status()
    """What the operator has found and done."""

    rules: ClassVar[tuple[Rule, ...]] = (
        _not_the_operators("secretName", lambda spec: spec.secret_name),
        _not_the_operators(
            "auth.jwtSecretRef.name",
            lambda spec: spec.auth.jwt_secret_ref.name if spec.auth.jwt_secret_ref else None,
        ),
        Rule(
            # The Service has this name, and Services allow no more.
            cel="self.metadata.name.matches('^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$')",
            message=(
                "metadata.name must be at most 63 lower-case letters, digits and dashes, and "
                "begin with a letter"
            ),
            holds=lambda resource: _NAME.fullmatch(resource.metadata.name) is not None,
        ),
    )

    @property
    def name(self) -> str:
        return self.metadata.name

    @property
    def namespace(self) -> str:
        return self.metadata.namespace


def parse(resource: Object, *, unknown: Literal["ignore", "forbid"] = "ignore") -> HeadlessCMS:
    """Raises InvalidSpec. Stored objects may hold fields of another version: ignore those.
    In a file that a user is about to apply they are mistakes: forbid them.
    """
    text = json.dumps(_without_nulls(resource))
    try:
        return HeadlessCMS.model_validate_json(text, extra=unknown, by_alias=True, by_name=False)
    except ValidationError as error:
        problems = error.errors(include_url=False, include_context=True, include_input=False)
        raise InvalidSpec(tuple(_explain(problem) for problem in _causes(problems))) from None


def _without_nulls(value: Any) -> Any:
    """The object without nulls: to the API server a null is an absent field."""
    if isinstance(value, Mapping):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    if isinstance(value, list | tuple):
        return [_without_nulls(item) for item in value]
    return value


def _causes(problems: list[ErrorDetails]) -> list[ErrorDetails]:
    """The problems without lists that are too short only because pydantic dropped a bad item."""
    places = [problem["loc"] for problem in problems]
    return [
        problem
        for problem in problems
        if problem["type"] != "too_short"
        or not any(place[:-1][: len(problem["loc"])] == problem["loc"] for place in places)
    ]


_PLAIN_WORDS = {"extra_forbidden": "unknown field", "missing": "is required"}


def _explain(problem: ErrorDetails) -> str:
    path = ""
    for step in problem["loc"]:
        path += f"[{step}]" if isinstance(step, int) else f".{step}"
    if field := problem.get("ctx", {}).get("field"):
        path += f".{field}"
    words = _PLAIN_WORDS.get(problem["type"], problem["msg"])
    return f"{path.removeprefix('.')}: {words}" if path else words
