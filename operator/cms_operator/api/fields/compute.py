"""CPU and memory of a pod."""

from typing import Annotated, Any, ClassVar

from pydantic import Field

from cms_operator.api.model import Model
from cms_operator.api.quantities import Quantity, parse
from cms_operator.api.rules import Rule


class Amounts(Model):
    cpu: Quantity | None = None
    """CPU in cores, such as 250m or 1."""

    memory: Quantity | None = None
    """Memory in bytes, such as 256Mi."""

    ephemeral_storage: Annotated[Quantity | None, Field(alias="ephemeral-storage")] = None
    """Local disk in bytes, such as 1Gi."""


def _at_most_limit(name: str, attribute: str) -> Rule:
    def holds(resources: Any) -> bool:
        request = getattr(resources.requests, attribute)
        limit = getattr(resources.limits, attribute)
        return request is None or limit is None or parse(request) <= parse(limit)

    # CEL spells a dash in a field's name so.
    field = name.replace("-", "__dash__")
    requests, limits = f"self.requests.{field}", f"self.limits.{field}"
    asked, most = f"string({requests})", f"string({limits})"
    return Rule(
        cel=(
            f"!has({requests}) || !has({limits}) || "
            # What is no quantity is told by the field's own rule.
            f"!isQuantity({asked}) || !isQuantity({most}) || "
            f"!quantity({asked}).isGreaterThan(quantity({most}))"
        ),
        message=f"must be at most limits.{name}",
        holds=holds,
        field=f"requests.{name}" if "-" not in name else "requests",
    )


class Resources(Model):
    requests: Amounts = Amounts(cpu="250m", memory="256Mi")
    """What a node must have free for a pod (default 250m CPU, 256Mi memory). When given, it
    replaces the default as a whole."""

    limits: Amounts = Amounts(cpu="500m", memory="512Mi")
    """What a pod may use at most (default 500m CPU, 512Mi memory). When given, it replaces the
    default as a whole: {memory: 512Mi} leaves the CPU unlimited."""

    rules: ClassVar[tuple[Rule, ...]] = (
        _at_most_limit("cpu", "cpu"),
        _at_most_limit("memory", "memory"),
        _at_most_limit("ephemeral-storage", "ephemeral_storage"),
    )
