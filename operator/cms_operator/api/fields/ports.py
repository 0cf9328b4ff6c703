"""The ports on which the CMS listens in its pod."""

from typing import Annotated, ClassVar

from pydantic import Field

from cms_operator.api.model import Model
from cms_operator.api.rules import Rule

# Below 1024 a process without capabilities may not listen everywhere.
ContainerPort = Annotated[int, Field(ge=1024, le=65535)]


class Ports(Model):
    http: ContainerPort = 3000
    """Port of the API and of the delivery of content, 1024 to 65535 (default 3000)."""

    admin: ContainerPort = 9000
    """Port of the health checks and metrics, 1024 to 65535 (default 9000). No Service shows it."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="self.http != self.admin",
            message="must differ from ports.http",
            holds=lambda ports: ports.http != ports.admin,
            field="admin",
        ),
    )
